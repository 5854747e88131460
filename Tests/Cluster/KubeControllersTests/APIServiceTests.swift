import HTTPServing
import Internet
import KubeMachinery
import KubeResources
import Testing

@testable import KubeControllers

struct APIServiceTests {
  private static let wanted = APIService(address: IPv4Address(bits: 0xc633_6402), port: 7_443)
  private static let key = ObjectKey(.services, namespace: "default", name: "kubernetes")

  private static func lines(_ objects: [ClusterObject]) -> [String] {
    APIServiceController(wanted).plan(for: key, Observation(Sample.index(objects), now: Sample.start)).lines
  }

  /// As they are stored.
  private static func object(_ called: String, _ document: JSONValue) throws -> ClusterObject {
    var document = document
    document.meta.namespace = "default"
    try #require(KindCatalog.all.kind(called: called)).applyDefaults(to: &document)
    return try Sample.object(called, "kubernetes", document.encodedText)
  }

  private static func all() throws -> [ClusterObject] {
    [
      try object("service", wanted.service), try object("endpoints", wanted.endpoints),
      try object("endpointslice", wanted.slice),
    ]
  }

  @Test("What is not there is made, and what is as it should be is left alone")
  func makes() throws {
    #expect(
      Self.lines([]) == [
        "create services/kubernetes", "create endpoints/kubernetes", "create endpointslices/kubernetes",
      ])
    #expect(Self.lines(try Self.all()) == [])
    #expect(Self.wanted.service.textAt("spec", "clusterIP") == "10.96.0.1")
    #expect(
      Self.wanted.endpoints["subsets"]?.encodedText
        == #"[{"addresses":[{"ip":"198.51.100.2"}],"ports":[{"name":"https","port":7443,"protocol":"TCP"}]}]"#)
  }

  private static let changes: [(String, String, String)] = [
    (
      "service", #"{"spec":{"type":"ClusterIP","clusterIP":"10.96.0.1","ports":[{"name":"https","port":80}]}}"#,
      #"patch services/kubernetes {"spec":{"ports":[{"name":"https","protocol":"TCP","port":443,"targetPort":7443}]}}"#
    ),
    ("service", #"{"spec":{"clusterIP":"10.96.7.7","ports":[{"port":443}]}}"#, "delete services/kubernetes"),
    (
      "service", #"{"spec":{"type":"NodePort","clusterIP":"10.96.0.1","ports":[{"port":443}]}}"#,
      "delete services/kubernetes"
    ),
    ("service", #"{"spec":{"type":"ExternalName","externalName":"a.example"}}"#, "delete services/kubernetes"),
    (
      "endpoints", #"{"subsets":[{"addresses":[{"ip":"192.0.2.1"}],"ports":[{"port":1}]}]}"#,
      #"patch endpoints/kubernetes {"subsets":[{"addresses":[{"ip":"198.51.100.2"}],"ports":[{"name":"https","port":7443,"protocol":"TCP"}]}]}"#
    ),
    (
      "endpointslice", #"{"addressType":"IPv6","endpoints":[],"ports":[]}"#, "delete endpointslices/kubernetes"
    ),
    (
      "endpointslice",
      #"{"metadata":{"labels":{"kubernetes.io/service-name":"kubernetes"}},"addressType":"IPv4","endpoints":[],"ports":[{"name":"https","port":7443}]}"#,
      #"patch endpointslices/kubernetes {"endpoints":[{"addresses":["198.51.100.2"],"conditions":{"ready":true}}]}"#
    ),
  ]

  @Test("What somebody changed is put back", arguments: changes)
  func restores(_ called: String, _ text: String, _ line: String) throws {
    let changed = try Self.object(called, try Sample.json(text))
    let others = try Self.all().filter { $0.key.resource != changed.key.resource }
    #expect(Self.lines(others + [changed]) == [line])
  }

  @Test("Pods that somebody selected are not the API")
  func selector() throws {
    var service = try Self.object("service", Self.wanted.service).document
    service["spec"]?["selector"] = ["app": "mine"]
    let objects = try Self.all().dropFirst() + [try Sample.object("service", "kubernetes", service.encodedText)]
    #expect(Self.lines(Array(objects)) == [#"patch services/kubernetes {"spec":{"selector":null}}"#])
  }

  @Test("Only its own objects concern it")
  func keys() throws {
    let controller = APIServiceController(Self.wanted)
    func keys(_ object: ClusterObject) -> [ObjectKey] {
      controller.keys(
        for: ObservedChange(key: object.key, old: object, new: nil, last: object), in: Sample.index([]))
    }
    for object in try Self.all() { #expect(keys(object) == [Self.key]) }
    #expect(keys(try Sample.object("service", "kubernetes")) == [])
    #expect(keys(try Sample.object("service", "web", #"{"metadata":{"namespace":"default"}}"#)) == [])
    #expect(keys(try Sample.object("configmap", "kubernetes", #"{"metadata":{"namespace":"default"}}"#)) == [])
    #expect(controller.standingKeys == [Self.key])
  }

  @Test(
    "The first address that pods reach is behind it; where there is none, they are led to the server",
    arguments: [
      (["127.0.0.1"], "10.96.0.1:26443"), (["127.0.0.1", "198.51.100.2"], "198.51.100.2:7443"),
      (["169.254.1.1", "0.0.0.0", "224.0.0.1"], "10.96.0.1:26443"), (["192.0.2.9", "192.0.2.8"], "192.0.2.9:7443"),
      ([], "10.96.0.1:26443"),
    ])
  func addresses(_ addresses: [String], _ expected: String) throws {
    let service = APIService(serverAt: try addresses.map { (try #require(IPv4Address($0)), 7_443) })
    #expect("\(service.address):\(service.number)" == expected)
  }
}
