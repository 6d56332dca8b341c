"""The service's description (WSDL 1.1), written from the table of operations; the address comes from the settings."""

from functools import cache

from qbsync_qbwc_gateway.soap.envelope import NAMESPACE
from qbsync_qbwc_gateway.soap.operations import OPERATIONS, Operation, Returns

_SERVICE = "QBWebConnectorSvc"
_PORT = f"{_SERVICE}Soap"
_ARRAY = (
    '<s:complexType name="ArrayOfString"><s:sequence><s:element minOccurs="0" maxOccurs="unbounded" name="string"'
    ' nillable="true" type="s:string"/></s:sequence></s:complexType>'
)


@cache
def wsdl(address: str) -> bytes:
    """The description of the service at an address such as ``https://books.example/qbwc``."""
    operations = OPERATIONS.values()
    return "".join(
        (
            '<?xml version="1.0" encoding="utf-8"?>\n',
            (
                '<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/"'
                ' xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:s="http://www.w3.org/2001/XMLSchema"'
            ),
            f' xmlns:tns="{NAMESPACE}" targetNamespace="{NAMESPACE}">\n',
            f'<wsdl:types><s:schema elementFormDefault="qualified" targetNamespace="{NAMESPACE}">\n',
            *(_elements(operation) for operation in operations),
            f"{_ARRAY}\n</s:schema></wsdl:types>\n",
            *(_messages(operation) for operation in operations),
            f'<wsdl:portType name="{_PORT}">\n',
            *(_port_operation(operation) for operation in operations),
            "</wsdl:portType>\n",
            (
                f'<wsdl:binding name="{_PORT}" type="tns:{_PORT}">'
                '<soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>\n'
            ),
            *(_binding(operation) for operation in operations),
            "</wsdl:binding>\n",
            f'<wsdl:service name="{_SERVICE}"><wsdl:port name="{_PORT}" binding="tns:{_PORT}">',
            f'<soap:address location="{_attribute(address)}"/></wsdl:port></wsdl:service>\n</wsdl:definitions>\n',
        )
    ).encode()


def _elements(operation: Operation) -> str:
    parameters = "".join(_parameter(operation, name) for name in operation.parameters)
    result = {
        Returns.STRING: 'minOccurs="0" maxOccurs="1" name="{0}Result" type="s:string"',
        Returns.INT: 'minOccurs="1" maxOccurs="1" name="{0}Result" type="s:int"',
        Returns.ARRAY: 'minOccurs="0" maxOccurs="1" name="{0}Result" type="tns:ArrayOfString"',
    }[operation.returns].format(operation.name)
    return (
        f'<s:element name="{operation.name}"><s:complexType><s:sequence>{parameters}</s:sequence></s:complexType></s:element>'
        f'<s:element name="{operation.name}Response"><s:complexType><s:sequence><s:element {result}/></s:sequence>'
        "</s:complexType></s:element>\n"
    )


def _parameter(operation: Operation, name: str) -> str:
    if name in operation.integers:
        return f'<s:element minOccurs="1" maxOccurs="1" name="{name}" type="s:int"/>'
    return f'<s:element minOccurs="0" maxOccurs="1" name="{name}" type="s:string"/>'


def _messages(operation: Operation) -> str:
    name = operation.name
    return (
        f'<wsdl:message name="{name}SoapIn"><wsdl:part name="parameters" element="tns:{name}"/></wsdl:message>'
        f'<wsdl:message name="{name}SoapOut"><wsdl:part name="parameters" element="tns:{name}Response"/></wsdl:message>\n'
    )


def _port_operation(operation: Operation) -> str:
    name = operation.name
    return (
        f'<wsdl:operation name="{name}"><wsdl:input message="tns:{name}SoapIn"/>'
        f'<wsdl:output message="tns:{name}SoapOut"/></wsdl:operation>\n'
    )


def _binding(operation: Operation) -> str:
    name = operation.name
    return (
        f'<wsdl:operation name="{name}"><soap:operation soapAction="{NAMESPACE}{name}" style="document"/>'
        '<wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output>'
        "</wsdl:operation>\n"
    )


def _attribute(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
