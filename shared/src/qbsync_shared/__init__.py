"""What every qbsync service shares: the contract, messaging, storage and the web base."""
