"""HostQuery, CompanyQuery and PreferencesQuery: what the Web Connector hands over at the start of a session."""

from lxml import etree

from qbsync_local.sandbox.desktop import data
from qbsync_local.sandbox.desktop.company import Company
from qbsync_local.sandbox.desktop.data import Content
from qbsync_local.sandbox.desktop.extensions import company_extensions

PRODUCT = "QuickBooks Desktop (simulated)"


def answer_host(company: Company, request: etree._Element) -> str:
    """HostRet: product, version, and the qbXML versions it takes."""
    newest = float(company.store.meta("newest_qbxml", "16.0"))
    versions = [f"{number}.0" for number in range(1, 17) if number <= newest]
    content: Content = {
        "ProductName": PRODUCT, "MajorVersion": "34", "MinorVersion": "0", "Country": "US", "SupportedQBXMLVersion": versions,
        "IsAutomaticLogin": "true", "QBFileMode": "MultiUser",
    }  # fmt: skip
    return data.write(company.schema, "HostRet", _narrow(content, request), company.store.full_name)


def answer_company(company: Company, request: etree._Element) -> str:
    """CompanyRet; the private data of the OwnerIDs that the request names, so FileID for the Web Connector."""
    owners = {data.text_of(child).casefold() for child in request if child.tag == "OwnerID"}
    content: Content = {
        "IsSampleCompany": "false", "CompanyName": company.name, "LegalCompanyName": company.name,
        "Address": {"Addr1": "12 Orchard Lane", "City": "Salem", "State": "OR", "PostalCode": "97301"},
        "Phone": "555-0140", "Email": "office@landscaping.example", "FirstMonthFiscalYear": "January",
        "FirstMonthIncomeTaxYear": "January", "CompanyType": "Landscaping", "TaxForm": "Form1120S",
        "DataExtRet": [one for one in company_extensions(company) if one["OwnerID"].casefold() in owners],
    }  # fmt: skip
    return data.write(company.schema, "CompanyRet", _narrow(content, request), company.store.full_name)


def answer_preferences(company: Company, request: etree._Element) -> str:
    """PreferencesRet: closing date, sales tax, classes, currency."""
    taxed = company.flag("uses_sales_tax")
    content: Content = {
        "AccountingPreferences": {
            "IsUsingAccountNumbers": "false", "IsRequiringAccounts": "true", "IsUsingClassTracking": "true",
            "IsUsingAuditTrail": "true", "IsAssigningJournalEntryNumbers": "true", "ClosingDate": company.store.meta("closing_date"),
        },
        "FinanceChargePreferences": {"GracePeriod": "0", "IsAssessingForOverdueCharges": "false", "CalculateChargesFrom": "DueDate", "IsMarkedToBePrinted": "false"},
        "JobsAndEstimatesPreferences": {"IsUsingEstimates": "true", "IsUsingProgressInvoicing": "false", "IsPrintingItemsWithZeroAmounts": "false"},
        "MultiCurrencyPreferences": {"IsMultiCurrencyOn": "false"},
        "MultiLocationInventoryPreferences": {"IsMultiLocationInventoryAvailable": "false", "IsMultiLocationInventoryEnabled": "false"},
        "PurchasesAndVendorsPreferences": {"IsUsingInventory": "true", "DaysBillsAreDue": "10", "IsAutomaticallyUsingDiscounts": "false"},
        "ReportsPreferences": {"AgingReportBasis": "AgeFromDueDate", "SummaryReportBasis": "Accrual"},
        "SalesAndCustomersPreferences": {"IsTrackingReimbursedExpensesAsIncome": "false", "IsAutoApplyingPayments": "true"},
        "TimeTrackingPreferences": {"FirstDayOfWeek": "Monday"},
        "CurrentAppAccessRights": {"IsAutomaticLoginAllowed": "true", "AutomaticLoginUserName": "Admin", "IsPersonalDataAccessAllowed": "true"},
    }  # fmt: skip
    default = company.store.meta("default_sales_tax_item")
    if taxed and default:
        content["SalesTaxPreferences"] = {
            "DefaultItemSalesTaxRef": {"ListID": default}, "PaySalesTax": "Monthly",
            "DefaultTaxableSalesTaxCodeRef": company.reference_to(("SalesTaxCode",), "Tax"),
            "DefaultNonTaxableSalesTaxCodeRef": company.reference_to(("SalesTaxCode",), "Non"),
        }  # fmt: skip
    return data.write(company.schema, "PreferencesRet", _narrow(content, request), company.store.full_name)


def _narrow(content: Content, request: etree._Element) -> Content:
    only = {data.text_of(child) for child in request if child.tag == "IncludeRetElement"}
    return {name: value for name, value in content.items() if name in only} if only else content
