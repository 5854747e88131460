import Testing

@testable import RegistryAPI

@Suite struct RegistryErrorCodeTests {}
