import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubeControllers

struct LoadBalancerTests {
  private func service(
    _ name: String, type: String = "LoadBalancer", held: String? = nil, _ more: String = "", age: Int64 = 0
  ) throws -> ClusterObject {
    let ingress = held.map { #"{"ip":"\#($0)","ipMode":"VIP"}"# } ?? ""
    return try Sample.object(
      "service", name,
      #"{"metadata":{"creationTimestamp":"\#(Sample.start.adding(seconds: -age).text)"},"spec":{"type":"\#(type)"\#(more)},"status":{"loadBalancer":{"ingress":[\#(ingress)]}}}"#
    )
  }

  private func plan(_ pool: [String], _ services: ClusterObject...) throws -> Plan {
    let controller = LoadBalancerController(pool: try #require(AddressRanges(pool)))
    return controller.plan(
      for: ObjectKey(.services, name: ""), Observation(Sample.index(services), now: Sample.start))
  }

  private func given(_ name: String, _ address: String?) -> String {
    let ingress = address.map { #"[{"ip":"\#($0)","ipMode":"VIP"}]"# } ?? "[]"
    return #"status services/\#(name) {"loadBalancer":{"ingress":\#(ingress)}}"#
  }

  @Test("The oldest gets the first free address, and who has one keeps it")
  func order() throws {
    let plan = try plan(
      ["192.0.2.1-192.0.2.3"], try service("b"), try service("a", age: 9), try service("c", held: "192.0.2.1"))
    #expect(plan.lines == [given("a", "192.0.2.2"), given("b", "192.0.2.3")])
  }

  @Test("An address that is asked for is given where it is free, and no other")
  func asked() throws {
    let wish = #","loadBalancerIP":"192.0.2.3""#
    #expect(try plan(["192.0.2.0/29"], try service("a", wish)).lines == [given("a", "192.0.2.3")])
    let twice = try plan(["192.0.2.0/29"], try service("a", held: "192.0.2.3"), try service("b", wish))
    #expect(twice.lines == [])
    #expect(twice.announcements.map(\.reason) == ["SyncLoadBalancerFailed"])
    #expect(try plan(["192.0.2.0/29"], try service("a", held: "192.0.2.1", wish)).lines == [given("a", "192.0.2.3")])
    #expect(
      try plan(["192.0.2.0/29"], try service("a", held: "203.0.113.1", #","loadBalancerIP":"203.0.113.1""#)).lines == [
        given("a", nil)
      ])
  }

  @Test("Of two with one address the older keeps it; an address of no pool any more is exchanged")
  func conflicts() throws {
    let plan = try plan(
      ["192.0.2.7", "192.0.2.9"], try service("a", held: "192.0.2.7"), try service("b", held: "192.0.2.7", age: 9))
    #expect(plan.lines == [given("a", "192.0.2.9")])
    #expect(try self.plan(["192.0.2.7"], try service("a", held: "192.0.2.8")).lines == [given("a", "192.0.2.7")])
  }

  @Test("Services of other types give theirs back; those of other classes are let be")
  func others() throws {
    let plan = try plan(
      ["192.0.2.7"], try service("a", type: "ClusterIP", held: "192.0.2.7"), try service("b", type: "NodePort"),
      try service("c", #","loadBalancerClass":"example.org/other""#))
    #expect(plan.lines == [given("a", nil)])
  }

  @Test("Without a pool, or with one that is used up, services wait")
  func empty() throws {
    #expect(try plan([], try service("a", held: "192.0.2.7")).isEmpty)
    let plan = try plan(["192.0.2.7"], try service("a", age: 1), try service("b"))
    #expect(plan.lines == [given("a", "192.0.2.7")])
    #expect(plan.announcements.count == 1)
  }

  @Test(
    "Pools", arguments: ["", "1.2.3", "192.0.2.9-192.0.2.1", "192.0.2.1-", "192.0.2.0/33", "1.2.3.4-1.2.3.5-1.2.3.6"])
  func badPool(text: String) { #expect(AddressRanges([text]) == nil) }
}
