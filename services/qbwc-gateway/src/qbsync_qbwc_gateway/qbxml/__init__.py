"""qbXML: write requests, read responses, put message sets together, judge what came of each member."""
