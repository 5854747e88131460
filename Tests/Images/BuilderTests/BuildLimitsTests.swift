import Testing

@testable import Builder

@Suite struct BuildLimitsTests {}
