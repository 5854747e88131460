import Foundation
import Model
import Registry
import Testing

@testable import Replication

@Suite struct ReplicationStoreTests {
  @Test(
    "a rule that cannot be meant is refused with field and value",
    arguments: [
      ("name", "Copy"), ("name", ""), ("name", "-a"), ("peer", "a b"), ("project", "team/app"), ("project", "../x"),
      ("remotePath", ""), ("remotePath", "Mirror"), ("remotePath", "a//b"), ("repositories", "a b"), ("tags", "\u{7}"),
    ])
  func refused(field: String, value: String) throws {
    let fixture = try Fixture()
    var rule = ReplicationRule(name: "copy", direction: .push, peer: "there", project: "team", remotePath: "m")
    switch field {
    case "name": rule.name = value
    case "peer": rule.peer = value
    case "project": rule.project = value
    case "remotePath": rule.remotePath = value
    case "repositories": rule.repositories = ["*", value]
    default: rule.tags = [value]
    }
    let error = try #require(throws: PlatformError.self) { try fixture.store.setRule(rule) }
    #expect(error.code == .invalidArgument)
    #expect(error.message.contains(" of \(field): "))
    #expect(try fixture.store.rules().isEmpty)
  }

  @Test func triggersThatCannotBe() throws {
    let fixture = try Fixture()
    for (direction, trigger) in [
      (ReplicationRule.Direction.pull, ReplicationRule.Trigger.onPush), (.push, .every(seconds: 59)),
    ] {
      let error = try #require(throws: PlatformError.self) {
        try fixture.rule(direction) { $0.trigger = trigger }
      }
      #expect(error.message.contains("trigger"))
    }
  }

  @Test func peersInUseStay() throws {
    let fixture = try Fixture()
    _ = try fixture.rule(.push)
    #expect(throws: PlatformError.self) { try fixture.store.removePeer("there") }
    try fixture.store.removeRule("copy")
    try fixture.store.removePeer("there")
    #expect(try fixture.store.peers().isEmpty)
    let error = try #require(throws: PlatformError.self) { try fixture.rule(.push) }
    #expect(error.code == .notFound)
  }

  @Test func passwordsAreNotShown() {
    let peer = ReplicationPeer(name: "there", host: "registry.test", user: "ann", password: "secret")
    #expect("\(peer)" == "there (ann@registry.test)")
    #expect(!String(describing: [peer]).contains("secret"))
  }

  @Test func historyIsBoundedAndTellsOfAnEndInBetween() throws {
    let fixture = try Fixture()
    _ = try fixture.rule(.push)
    for number in 0..<(ReplicationStore.maximumHistory + 5) {
      _ = try fixture.store.begin("copy", .manual, now: Int64(number))
    }
    let history = try fixture.store.executions(of: "copy")
    #expect(history.count == ReplicationStore.maximumHistory)
    #expect(history.first?.startedAt == Int64(ReplicationStore.maximumHistory + 4))
    try fixture.store.close()
    let again = try ReplicationStore(path: fixture.root + "/replication.sqlite", now: 77)
    #expect(try again.executions(of: "copy").allSatisfy { $0.state == .interrupted && $0.endedAt == 77 })
    let next = try again.begin("copy", .manual, now: 78)
    #expect(try again.executions(of: "copy").first == next)
    try again.close()
  }
}
