import HTTPServing
import Internet
import KubeResources
import LinuxSystem
import TestNetwork
import Testing

@testable import ServiceProxy

@Suite("Changes of the table")
struct RuleStateTests {
  private static let web = ServiceKey(namespace: "default", name: "web")

  @Test func `a change of one endpoint is a change of its entries alone`() {
    var state = RuleState()
    let first = state.update([
      Self.web: ServicePlanTests.rules(Sample.service(), Sample.slice("web", "10.244.0.3", "10.244.0.4"))
    ])
    #expect(first.removals.isEmpty)
    #expect(first.additions.mapValues(\.count) == ["services": 1, "endpoints": 2, "loops": 2])
    let second = state.update([
      Self.web: ServicePlanTests.rules(
        Sample.service(), Sample.slice("web", "10.244.0.3", "10.244.0.4", "10.244.0.5"))
    ])
    #expect(second.removals.mapValues(\.count) == ["services": 1])
    #expect(second.additions.mapValues(\.count) == ["services": 1, "endpoints": 1, "loops": 1])
    #expect(state.update([Self.web: state.services[Self.web]]).isEmpty)
    let last = state.update([Self.web: nil])
    #expect(last.additions.isEmpty)
    #expect(last.removals.mapValues(\.count) == ["services": 1, "endpoints": 3, "loops": 3])
    #expect(state.elements.isEmpty)
  }

  @Test func `of services whose clients stay there are so many endpoints, and the others' clients are spread`() {
    var catalog = ServiceCatalog()
    let stays: [String: JSONValue] = ["sessionAffinity": "ClientIP"]
    let names = ["a", "b", "c", "d", "e"]
    let services = names.enumerated().map { number, name in
      Sample.service(name, address: "10.96.1.\(number + 1)", more: stays)
    }
    let endpoints = (0..<1_000).map { Sample.Endpoint(address: "10.244.\($0 / 250).\($0 % 250 + 1)") }
    catalog.take(.all(ServiceCatalog.servicesResource, services))
    catalog.take(.all(ServiceCatalog.slicesResource, names.map { Sample.slice(of: endpoints, $0) }))
    func keys(_ names: String...) -> Set<ServiceKey> { Set(names.map { ServiceKey(namespace: "default", name: $0) }) }
    let rules = catalog.changedRules(Sample.settings)
    #expect(catalog.spread == keys("e"))
    let chains = rules.compactMapValues { $0?.elements[RuleNames.services]?.first?.chain }
    #expect(chains.filter { $0.value.hasPrefix("sticky_") }.count == 4)
    #expect(chains[ServiceKey(namespace: "default", name: "e")] == "pick_1000")
    // One that goes leaves its room.
    catalog.take(Sample.gone(services[1]))
    let next = catalog.changedRules(Sample.settings)
    #expect(Set(next.keys) == keys("b", "e") && catalog.spread.isEmpty)
  }

  @Test func `entries that several want go with the last, and of different ones the first has it`() {
    var state = RuleState()
    let other = ServiceKey(namespace: "default", name: "other")
    let slice = Sample.slice("web", "10.244.0.3")
    let external: [String: JSONValue] = ["externalIPs": ["203.0.113.9"]]
    _ = state.update([Self.web: ServicePlanTests.rules(Sample.service(more: external), slice)])
    let key = NFTables.bytes(.ipv4(0xcb00_7109), .transport(6), .port(80))
    func target() -> String? { state.elements[RuleNames.services]?.first { $0.key == key }?.chain }
    #expect(target() == "pick_1")
    let two = ServicePlanTests.rules(
      Sample.service("other", address: "10.96.1.2", more: external),
      Sample.slice("web", "10.244.0.3", "10.244.0.4"))
    let taken = state.update([other: two])
    #expect(target() == "pick_2")
    #expect(taken.removals[RuleNames.loops] == nil && taken.additions[RuleNames.loops]?.count == 1)
    let back = state.update([other: nil])
    #expect(target() == "pick_1")
    #expect(back.removals[RuleNames.loops]?.count == 1)
  }

  @Test(arguments: ["TCP", "UDP"], [[], ["10.244.0.4"]] as [[String]])
  func `nobody takes what is another's own, whatever his name`(transport: String, endpoints: [String]) {
    var state = RuleState()
    let owner = Sample.service(transport: transport)
    _ = state.update([
      Self.web: ServicePlanTests.rules(
        owner, Sample.slice(of: [.init(address: "10.244.0.3")], transport: transport))
    ])
    let before = state.elements
    // As an older server took it; the proxy passes such claims over, and even where it did not they would not count.
    var rules = ServiceRules()
    let thief = ServiceKey(namespace: "aaa", name: "thief")
    let frontend = ServiceRules.Frontend(
      address: IPv4Address(bits: 0x0a60_0101), transport: transport == "UDP" ? .udp : .tcp, port: 80)
    for right in [ServiceRules.Right.wished, .given] {
      rules.claim(frontend, as: right)
      rules.add(RuleNames.refused, NFTables.Element(key: frontend.key, chain: RuleNames.refuseChain), at: frontend)
      rules.add(RuleNames.masqueraded, NFTables.Element(key: frontend.key), at: frontend)
      rules.frontends[frontend]?.datagramEndpoints = Set(endpoints.compactMap { IPv4Address($0) })
      #expect(state.update([thief: rules]).isEmpty)
      #expect(state.elements == before)
      #expect(state.update([thief: nil]).isEmpty)
    }
    // Once the owner is gone it is free.
    _ = state.update([thief: rules])
    #expect(state.update([Self.web: nil]).additions[RuleNames.refused]?.count == 1)
  }

  @Test func `exchanges of UDP are forgotten where an endpoint went or the first came`() throws {
    var state = RuleState()
    func update(_ endpoints: [Sample.Endpoint]) -> [String: [String]] {
      let rules = ServicePlanTests.rules(
        Sample.service(transport: "UDP"), Sample.slice(of: endpoints, transport: "UDP"))
      let stale = state.update([Self.web: rules]).staleDatagrams
      return Dictionary(
        uniqueKeysWithValues: stale.map { ("\($0.address?.description ?? "")", $1.map(\.description).sorted()) })
    }
    let (one, two) = (Sample.Endpoint(address: "10.244.0.3"), Sample.Endpoint(address: "10.244.0.4"))
    #expect(update([]) == [:])
    #expect(update([one]) == ["10.96.1.1": ["10.244.0.3"]])
    #expect(update([one, two]) == [:])
    // One that ends and still serves keeps what it has.
    #expect(update([.init(address: "10.244.0.3", ready: false, serving: true, terminating: true), two]) == [:])
    #expect(update([two]) == ["10.96.1.1": ["10.244.0.4"]])
    #expect(update([]) == ["10.96.1.1": []])
    #expect(state.update([Self.web: nil]).staleDatagrams.isEmpty)
  }

  @Test func `exchanges are stale until somebody has forgotten them`() {
    var state = RuleState()
    func update(_ endpoints: Sample.Endpoint...) {
      _ = state.update([
        Self.web: ServicePlanTests.rules(
          Sample.service(transport: "UDP"), Sample.slice(of: endpoints, transport: "UDP"))
      ])
    }
    func stale() -> [[String]] { state.takeStaleDatagrams().values.map { $0.map(\.description).sorted() } }
    let (one, two) = (Sample.Endpoint(address: "10.244.0.3"), Sample.Endpoint(address: "10.244.0.4"))
    update(one)
    #expect(stale() == [["10.244.0.3"]] && stale() == [])
    // The change to the second was not carried out when it got another.
    update(two)
    update(two, one)
    #expect(stale() == [["10.244.0.3", "10.244.0.4"]])
    update()
    _ = state.update([Self.web: nil])
    #expect(stale() == [[]] && stale() == [])
  }

  @Test func `random changes lead to the same state as what is wanted at their end`() {
    var random = SeededGenerator(seed: 0x5e1)
    var state = RuleState()
    var kernel: [String: Set<NFTables.Element>] = [:]
    for _ in 0..<300 {
      var changed: [ServiceKey: ServiceRules?] = [:]
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let name = "s\(Int.random(in: 0..<6, using: &random))"
        let key = ServiceKey(namespace: "default", name: name)
        guard Int.random(in: 0..<4, using: &random) > 0 else {
          changed[key] = .some(nil)
          continue
        }
        let endpoints = (0..<Int.random(in: 0..<5, using: &random)).map { _ in
          Sample.Endpoint(address: "10.244.0.\(Int.random(in: 1..<6, using: &random))")
        }
        // Addresses that others may have, too.
        let service = Sample.service(
          name, type: "NodePort", address: "10.96.0.\(Int.random(in: 1..<4, using: &random))",
          nodePort: 30_000 + Int64.random(in: 0..<3, using: &random))
        changed[key] = ServicePlanTests.rules(service, Sample.slice(of: endpoints, name))
      }
      let delta = state.update(changed)
      for (set, elements) in delta.removals {
        #expect(elements.isSubset(of: kernel[set] ?? []))
        kernel[set]?.subtract(elements)
      }
      for (set, elements) in delta.additions {
        #expect(Set((kernel[set] ?? []).map(\.key)).isDisjoint(with: elements.map(\.key)))
        kernel[set, default: []].formUnion(elements)
      }
      #expect(kernel.filter { !$0.value.isEmpty } == state.elements)
    }
  }
}
