import HTTPServing
import KubeMachinery
import KubeResources
import Testing

@testable import KubernetesAPI

@Suite struct ClusterSummaryTests {
  private static func object(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  private static func objects(_ texts: String...) throws -> [JSONValue] { try texts.map(object) }

  private static let now = Timestamp(seconds: 1_800_000_000)

  @Test func nodesAndPods() throws {
    var summary = ClusterSummary()
    let ready = #"{"conditions":[{"type":"Ready","status":"True"}]"#
    summary.add(
      nodes: try Self.objects(
        #"{"metadata":{"name":"a"},"status":\#(ready)}}"#,
        #"{"metadata":{"name":"b"},"status":{"conditions":[{"type":"Ready","status":"Unknown"}]}}"#,
        #"{"metadata":{"name":"c"}}"#))
    #expect(summary.nodes == 3 && summary.nodesNotReady == ["b", "c"])
    summary.add(
      pods: try Self.objects(
        #"{"status":\#(ready),"phase":"Running"}}"#, #"{"status":{"phase":"Running"}}"#,
        #"{"status":{"phase":"Pending"}}"#, "{}"))
    #expect(summary.pods == ["Running": 2, "Pending": 1, "Unknown": 1] && summary.podsNotReady == 1)
  }

  @Test(
    arguments: [
      (#"{"kind":"Deployment","spec":{"replicas":3},"status":{"availableReplicas":2}}"#, 3, 2),
      (#"{"kind":"Deployment","spec":{"replicas":3}}"#, 3, 0),
      (#"{"kind":"Deployment","spec":{"replicas":1},"status":{"availableReplicas":2}}"#, 1, 2),
      (#"{"kind":"Deployment","spec":{"replicas":3},"status":{"availableReplicas":3}}"#, nil, nil),
      (#"{"kind":"Deployment","spec":{"replicas":0}}"#, nil, nil),
      (
        #"{"kind":"ReplicationController","spec":{"replicas":2},"status":{"availableReplicas":1,"readyReplicas":2}}"#,
        2, 1
      ),
      (#"{"kind":"DaemonSet","status":{"desiredNumberScheduled":1,"numberAvailable":1}}"#, nil, nil),
      (#"{"kind":"DaemonSet","status":{"desiredNumberScheduled":2,"numberReady":1}}"#, 2, 0),
    ] as [(String, Int64?, Int64?)])
  func workloads(_ text: String, _ wanted: Int64?, _ available: Int64?) throws {
    var summary = ClusterSummary()
    summary.add(workloads: [try Self.object(text)])
    #expect(summary.workloads == 1)
    #expect(summary.workloadsUnsettled.first?.wanted == wanted)
    #expect(summary.workloadsUnsettled.first?.available == available)
  }

  @Test func servicesWithoutEndpoints() throws {
    var summary = ClusterSummary()
    func service(_ name: String, selector: String) -> String {
      #"{"metadata":{"name":"\#(name)","namespace":"x"},"spec":{"selector":\#(selector)}}"#
    }
    let endpoints = try Self.objects(
      #"{"metadata":{"name":"good","namespace":"x"},"subsets":[{"addresses":[{"ip":"192.0.2.1"}]}]}"#,
      #"{"metadata":{"name":"lonely","namespace":"y"},"subsets":[{"addresses":[{"ip":"192.0.2.1"}]}]}"#,
      #"{"metadata":{"name":"waiting","namespace":"x"},"subsets":[{"notReadyAddresses":[{"ip":"192.0.2.1"}]}]}"#)
    summary.add(
      services: try Self.objects(
        service("good", selector: #"{"a":"b"}"#), service("lonely", selector: #"{"a":"b"}"#),
        service("waiting", selector: #"{"a":"b"}"#), service("own", selector: "{}")),
      served: Set(endpoints.compactMap(ClusterSummary.served)))
    #expect(summary.services == 4 && summary.servicesWithoutEndpoints == ["x/lonely", "x/waiting"])
  }

  @Test func warningsOfTheLastHourTheNewestFirst() throws {
    func at(_ seconds: Int64) -> String { Timestamp(seconds: Self.now.seconds - seconds).text }
    var summary = ClusterSummary()
    summary.add(
      events: try Self.objects(
        #"{"type":"Warning","lastTimestamp":"\#(at(100))","count":4,"reason":"BackOff","message":"m","involvedObject":{"kind":"Pod","namespace":"x","name":"a"}}"#,
        #"{"type":"Normal","lastTimestamp":"\#(at(1))"}"#, #"{"type":"Warning","lastTimestamp":"\#(at(3601))"}"#,
        #"{"type":"Warning","metadata":{"creationTimestamp":"\#(at(50))"},"lastTimestamp":null}"#,
        #"{"type":"Warning","eventTime":"\#(at(3000))","series":{"lastObservedTime":"\#(at(10))","count":9},"note":"n","regarding":{"kind":"Node","name":"n1"}}"#
      ), at: Self.now)
    #expect(summary.warnings.map(\.at) == [10, 50, 100].map { Self.now.seconds - $0 })
    #expect(summary.warnings.map(\.count) == [9, 1, 4])
    #expect(summary.warnings.map(\.object) == ["node/n1", "/", "pod/a"])
    #expect(summary.warnings.map(\.message) == ["n", "", "m"])
  }

  @Test func listsAreCut() throws {
    var summary = ClusterSummary()
    let many = try (0..<50).map {
      try Self.object(#"{"kind":"Deployment","metadata":{"name":"\#($0)"},"spec":{"replicas":1}}"#)
    }
    summary.add(workloads: many)
    summary.add(nodes: many)
    summary.add(
      events: many.map { _ in
        [
          "type": "Warning", "lastTimestamp": .string(Self.now.text),
          "message": .string(String(repeating: "ä", count: 500)),
        ]
      },
      at: Self.now)
    #expect(summary.workloads == 50 && summary.nodes == 50)
    let max = ClusterSummary.maxEntries
    #expect(
      summary.workloadsUnsettled.count == max && summary.nodesNotReady.count == max && summary.warnings.count == max)
    #expect(summary.warnings.allSatisfy { $0.message.utf8.count <= ClusterSummary.maxMessageBytes + 3 })
  }

  @Test func isMadeOfWhatTheServerKeeps() async throws {
    let objects = try Self.objects(
      #"{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#,
      #"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p","namespace":"default"},"spec":{"containers":[{"name":"c","image":"i"}]}}"#,
      #"{"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"default"},"spec":{"selector":{"a":"b"},"ports":[{"port":80}]}}"#,
      #"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d","namespace":"default"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}"#
    )
    try await APIFixture.with(catalog: KindCatalog.complete.served, objects: objects) { kube in
      let summary = try await kube.api.summary()
      #expect(summary.nodes == 1 && summary.nodesNotReady == [] && summary.pods == ["Pending": 1])
      #expect(summary.services == 1 && summary.servicesWithoutEndpoints == ["default/s"])
      #expect(summary.workloadsUnsettled.map(\.name) == ["d"] && summary.warnings == [])
    }
  }
}
