import Testing

@testable import Dockerfile

@Suite struct SourcePositionTests {}
