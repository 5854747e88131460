import Testing

@testable import RegistryClient

@Suite struct RegistryEndpointTests {}
