import Testing

@testable import Replication

@Suite struct ReplicationRuleTests {}
