import Foundation
import Model
import Persistence
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

  @Test func passwordsAreSealedOnDisk() throws {
    let fixture = try Fixture()
    let path = fixture.root + "/replication.sqlite"
    let secret = "correct horse battery"
    let peer = ReplicationPeer(name: "there", host: "registry.test", user: "ann", password: secret)
    try fixture.store.setPeer(peer)
    #expect(try fixture.store.peer("there") == peer)
    #expect(try fixture.store.peers().allSatisfy { $0.password == nil })
    try fixture.store.close()
    for name in try FileManager.default.contentsOfDirectory(atPath: fixture.root) where name.hasPrefix("replication") {
      let bytes = try #require(FileManager.default.contents(atPath: fixture.root + "/" + name))
      #expect(bytes.range(of: Data(secret.utf8)) == nil, "\(name)")
    }
    let mode = try FileManager.default.attributesOfItem(atPath: path + ".key")[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let again = try ReplicationStore(path: path, now: 0)
    #expect(try again.peer("there") == peer)
    try again.close()

    // With another key the password is lost, the peer is not.
    try FileManager.default.removeItem(atPath: path + ".key")
    let other = try ReplicationStore(path: path, now: 0)
    let error = try #require(throws: PlatformError.self) { try other.peer("there") }
    #expect(error.message.contains("set the peer again"))
    #expect(try other.peers().map(\.name) == ["there"])
    try other.close()
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path + ".key")
    #expect(throws: PlatformError.self) { try ReplicationStore(path: path, now: 0) }
  }

  @Test func passwordsOfEarlierVersionsAreSealedWhenOpened() throws {
    let fixture = try Fixture()
    let path = fixture.root + "/replication.sqlite"
    try fixture.store.close()
    let old = Data(#"{"name":"there","host":"registry.test","user":"ann","password":"plain text"}"#.utf8)
    let known = ["replication-1", "replication-2", "replication-3"].map { Migration(name: $0, steps: []) }
    let database = try Database(path: path, migrations: known)
    try database.table("replication_peers").put("there", document: old)
    try database.close()
    let store = try ReplicationStore(path: path, now: 0)
    #expect(try store.peer("there").password == "plain text")
    try store.close()
    let record = try Database(path: path, migrations: known)
    let document = try #require(try record.table("replication_peers").get("there")).document
    #expect(document.range(of: Data("plain text".utf8)) == nil)
    try record.close()
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
