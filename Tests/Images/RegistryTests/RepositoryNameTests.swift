import Testing

@testable import Registry

@Suite struct RepositoryNameTests {}
