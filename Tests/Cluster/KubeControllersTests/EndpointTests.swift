import HTTPServing
import KubeMachinery
import Testing

@testable import KubeControllers

struct EndpointTests {
  static func service(
    _ more: String = "", ports: String = #"[{"port":80,"targetPort":"web","protocol":"TCP"}]"#, metadata: String = ""
  )
    throws -> ClusterObject
  {
    try Sample.object(
      "service", "svc",
      #"{"metadata":{\#(metadata)},"spec":{"selector":{"app":"a"},"clusterIP":"10.96.0.9","ports":\#(ports)\#(more)}}"#)
  }

  static func pod(_ name: String, _ ip: String, port: Int = 8080, _ change: (inout Sample.Pod) -> Void = { _ in })
    throws
    -> ClusterObject
  {
    try Sample.pod(name) { pod in
      pod.ip = ip
      pod.spec = #""containers":[{"name":"c","ports":[{"name":"web","containerPort":\#(port)}]}]"#
      change(&pod)
    }
  }

  private func slices(_ service: ClusterObject, _ others: [ClusterObject]) -> Plan {
    Sample.plan(EndpointSliceController(), service, others)
  }

  /// The documents that are made.
  private func made(_ plan: Plan) -> [JSONValue] {
    plan.changes.compactMap { if case .create(_, let object) = $0.action { object } else { nil } }
  }

  /// `10.0.0.1 rst`: address, and whether it is ready, serving, terminating.
  private func endpoints(_ slice: JSONValue) -> [String] {
    slice.listAt("endpoints").map { endpoint in
      let letters = [("ready", "r"), ("serving", "s"), ("terminating", "t")].map { name, letter in
        endpoint.at("conditions", name) == true ? letter : "-"
      }
      return "\(endpoint.listAt("addresses").compactMap(\.text).joined()) \(letters.joined())"
    }
  }

  static func pods() throws -> [ClusterObject] {
    [
      try pod("a", "10.0.0.1"), try pod("b", "10.0.0.2") { $0.isReady = false },
      try pod("c", "10.0.0.3") { $0.isTerminating = true },
      try pod("d", "10.0.0.4") { ($0.isTerminating, $0.isReady) = (true, false) },
      try pod("e", "10.0.0.5") { $0.phase = "Failed" }, try pod("f", ""),
      try pod("g", "10.0.0.7") { $0.labels = #"{"app":"b"}"# },
    ]
  }

  @Test("Pods are behind a service with their state; what has ended or has no address is not")
  func states() throws {
    let plan = slices(try Self.service(metadata: #""labels":{"team":"x"}"#), try Self.pods())
    let slice = try #require(made(plan).first)
    #expect(endpoints(slice) == ["10.0.0.1 rs-", "10.0.0.2 ---", "10.0.0.3 -st", "10.0.0.4 --t"])
    #expect(slice["addressType"] == "IPv4")
    #expect(slice["ports"]?.encodedText == #"[{"port":8080,"protocol":"TCP"}]"#)
    #expect(
      slice.meta.labels == [
        "team": "x", "kubernetes.io/service-name": "svc",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
      ])
    #expect(slice.meta.ownerReferences == [try Self.service().owning()])
    #expect(slice.listAt("endpoints")[0].at("targetRef", "uid") == "uid-a")
    #expect(slice.listAt("endpoints")[0]["nodeName"] == "node")
    let all = slices(try Self.service(#","publishNotReadyAddresses":true"#), try Self.pods())
    #expect(endpoints(made(all)[0]) == ["10.0.0.1 rs-", "10.0.0.2 r--", "10.0.0.3 rst", "10.0.0.4 r-t"])
  }

  @Test("The older form: ready and not ready, nothing that ends")
  func older() throws {
    func subsets(_ service: ClusterObject) -> String? {
      made(Sample.plan(EndpointsController(), service, (try? Self.pods()) ?? [])).first?["subsets"].map { subsets in
        subsets.items.map { subset in
          func ips(_ list: String) -> String { subset.listAt(list).map { $0.textAt("ip") }.joined(separator: ",") }
          return
            "\(ips("addresses"))|\(ips("notReadyAddresses"))|\(subset.listAt("ports").map { "\($0.numberAt("port"))" })"
        }.joined(separator: " ")
      }
    }
    #expect(subsets(try Self.service()) == #"10.0.0.1|10.0.0.2|["8080"]"#)
    #expect(
      subsets(try Self.service(#","publishNotReadyAddresses":true"#))
        == #"10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4||["8080"]"#)
  }

  @Test("Named ports are each pod's own; pods with other ports are in other slices")
  func ports() throws {
    let pods = [
      try Self.pod("a", "10.0.0.1"), try Self.pod("b", "10.0.0.2", port: 9090),
      try Self.pod("c", "10.0.0.3") { $0.spec = #""containers":[{"name":"c"}]"# },
    ]
    let plan = slices(try Self.service(), pods)
    #expect(
      made(plan).map { $0["ports"]?.encodedText ?? "" } == [
        "[]", #"[{"port":8080,"protocol":"TCP"}]"#, #"[{"port":9090,"protocol":"TCP"}]"#,
      ])
    let plain = slices(
      try Self.service(ports: #"[{"name":"x","port":80,"targetPort":7000},{"name":"y","port":53,"protocol":"UDP"}]"#),
      pods)
    #expect(
      made(plain).map { $0["ports"]?.encodedText ?? "" } == [
        #"[{"name":"x","port":7000,"protocol":"TCP"},{"name":"y","port":53,"protocol":"UDP"}]"#
      ])
    #expect(made(plain)[0].listAt("endpoints").count == 3)
  }

  static func slice(_ name: String, _ pods: [ClusterObject], port: Int = 8080) throws -> ClusterObject {
    let endpoints = pods.map { pod in
      #"{"addresses":["\#(pod.document.textAt("status", "podIP"))"],"conditions":{"ready":true,"serving":true,"terminating":false},"targetRef":{"kind":"Pod","namespace":"n","name":"\#(pod.name)","uid":"\#(pod.uid)"},"nodeName":"node"}"#
    }
    return try Sample.object(
      "endpointslice", name,
      #"{"metadata":{"labels":{"kubernetes.io/service-name":"svc","endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io"}},"addressType":"IPv4","ports":[{"port":\#(port),"protocol":"TCP"}],"endpoints":[\#(endpoints.joined(separator: ","))]}"#
    )
  }

  @Test("What is right stays; endpoints stay in their slice; new ones fill what has room; empty slices go")
  func changes() throws {
    let pods = try (1...250).map { try Self.pod("p\($0 + 1_000)", "10.0.1.\($0)") }
    let full = try Self.slice("s1", Array(pods[0..<100]))
    let half = try Self.slice("s2", Array(pods[100..<150]))
    #expect(slices(try Self.service(), Array(pods[0..<150]) + [full, half]).isEmpty)
    let grown = slices(try Self.service(), pods + [full, half])
    #expect(grown.lines.map { $0.prefix(24) } == ["patch endpointslices/s2 ", "create endpointslices/sv"])
    #expect(made(grown)[0].listAt("endpoints").count == 50)
    let shrunk = slices(try Self.service(), Array(pods[0..<100]) + [full, half])
    #expect(shrunk.lines == ["delete endpointslices/s2"])
    let none = slices(try Self.service(), [full, half])
    #expect(none.lines.count == 2, "one stays, empty: there is a service, and nobody behind it")
    #expect(none.lines.contains { $0.hasPrefix("delete") })
    let empty = try Sample.object(
      "endpointslice", "s1",
      #"{"metadata":{"labels":{"kubernetes.io/service-name":"svc","endpointslice.kubernetes.io/managed-by":"endpointslice-controller.k8s.io"}},"addressType":"IPv4","ports":null,"endpoints":null}"#
    )
    #expect(slices(try Self.service(), [empty]).isEmpty, "null says as much as an empty list")
    let away = slices(try Self.service(#","type":"ExternalName""#), [full])
    #expect(away.lines == ["delete endpointslices/s1"])
  }

  @Test("Headless services, both families, services without a selector")
  func kinds() throws {
    let pod = try Sample.object(
      "pod", "p",
      #"{"metadata":{"labels":{"app":"a"}},"spec":{"hostname":"h","subdomain":"svc"},"status":{"phase":"Running","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}],"conditions":[{"type":"Ready","status":"True"}]}}"#
    )
    let service = try Sample.object(
      "service", "svc", #"{"spec":{"selector":{"app":"a"},"clusterIP":"None","ipFamilies":["IPv4","IPv6"]}}"#)
    let both = made(slices(service, [pod]))
    #expect(both.map { $0["addressType"] } == ["IPv4", "IPv6"])
    #expect(both.map { endpoints($0) } == [["10.0.0.1 rs-"], ["fd00::1 rs-"]])
    #expect(both[0].listAt("endpoints")[0]["hostname"] == "h")
    #expect(both[0].meta.labels["service.kubernetes.io/headless"] == "")
    let manual = try Sample.object("service", "svc", #"{"spec":{"clusterIP":"10.96.0.9"}}"#)
    #expect(slices(manual, [pod]).isEmpty)
    #expect(Sample.plan(EndpointsController(), manual, [pod]).isEmpty)
  }

  @Test("Endpoints go with their service; those that others made stay")
  func leftovers() throws {
    let key = ObjectKey(.services, namespace: "n", name: "svc")
    func plan(_ labels: String) throws -> Plan {
      let endpoints = try Sample.object("endpoints", "svc", #"{"metadata":{"labels":\#(labels)}}"#)
      return EndpointsController().plan(for: key, Observation(Sample.index([endpoints]), now: Sample.start))
    }
    #expect(
      try plan(#"{"endpoints.kubernetes.io/managed-by":"endpoint-controller"}"#).lines == ["delete endpoints/svc"])
    #expect(try plan("{}").isEmpty)
  }

  @Test("What somebody wrote as the endpoints of a service without a selector becomes slices")
  func mirror() throws {
    let service = try Sample.object("service", "svc", #"{"spec":{"clusterIP":"10.96.0.9","ports":[{"port":80}]}}"#)
    func endpoints(_ subsets: String, _ metadata: String = #""labels":{"team":"x"}"#) throws -> ClusterObject {
      try Sample.object("endpoints", "svc", #"{"metadata":{\#(metadata)},"subsets":[\#(subsets)]}"#)
    }
    func plan(_ objects: ClusterObject...) -> Plan {
      SliceMirrorController().plan(
        for: ObjectKey(.endpoints, namespace: "n", name: "svc"), Observation(Sample.index(objects), now: Sample.start))
    }
    let two = try endpoints(
      #"{"addresses":[{"ip":"192.0.2.1"},{"ip":"2001:db8::1"}],"notReadyAddresses":[{"ip":"192.0.2.2","nodeName":"a"}],"ports":[{"port":80}]}"#
    )
    let slices = made(plan(service, two))
    #expect(slices.map { $0.textAt("addressType") } == ["IPv4", "IPv6"])
    #expect(slices.map(self.endpoints) == [["192.0.2.1 r--", "192.0.2.2 ---"], ["2001:db8::1 r--"]])
    #expect(
      slices[0].meta.labels == [
        "team": "x", "kubernetes.io/service-name": "svc",
        "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
      ])
    #expect(slices[0].meta.ownerReferences.map(\.kind) == ["Endpoints"])
    let present = try slices.enumerated().map { number, slice in
      var slice = slice
      slice["ports"] = [["name": "", "port": 80, "protocol": "TCP"]]
      return try Sample.object("endpointslice", "svc-\(number)", slice.encodedText)
    }
    let same = try endpoints(
      #"{"addresses":[{"ip":"192.0.2.1"},{"ip":"2001:db8::1"}],"notReadyAddresses":[{"ip":"192.0.2.2","nodeName":"a"}],"ports":[{"name":"","port":80,"protocol":"TCP"}]}"#
    )
    #expect(plan(service, same, present[0], present[1]).deeds == [])
    let one = try endpoints(#"{"addresses":[{"ip":"192.0.2.9"}],"ports":[{"port":80}]}"#)
    let deeds = plan(service, one, present[0], present[1]).deeds
    #expect(deeds.count == 2 && deeds[0].hasPrefix("patch endpointslices/svc-0 "))
    #expect(deeds.last == "delete endpointslices/svc-1")
    // Those are left alone, and what was made of them goes.
    let skipped = try endpoints("", #""labels":{"endpointslice.kubernetes.io/skip-mirror":"true"}"#)
    for others in [[service, skipped], [try Self.service(), two], [two], [service]] {
      #expect(plan(others[0], others.last ?? others[0], present[0]).deeds == ["delete endpointslices/svc-0"])
    }
  }
}
