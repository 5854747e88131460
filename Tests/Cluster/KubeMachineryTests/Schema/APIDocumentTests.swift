import HTTPServing
import KubeMachinery
import Testing

struct APIDocumentTests {
  private let openAPI = OpenAPIDocuments(Sample.catalog, version: "v1.33.0")

  /// Every `$ref` of a document.
  static func references(_ value: JSONValue) -> [String] {
    switch value {
    case .object(let members):
      members.flatMap { $0.name == "$ref" ? [$0.value.text ?? ""] : references($0.value) }
    case .array(let items): items.flatMap(references)
    default: []
    }
  }

  @Test func referencesLeadSomewhere() throws {
    let second = openAPI.second()
    for reference in Self.references(second) {
      let name = String(reference.dropFirst("#/definitions/".count))
      #expect(second["definitions"]?[name] != nil, "\(reference)")
    }
    #expect(openAPI.thirdPaths == ["api/v1", "apis/example.io/v1"])
    for path in openAPI.thirdPaths {
      let third = try #require(openAPI.third(path: path))
      for reference in Self.references(third) {
        let name = String(reference.dropFirst("#/components/schemas/".count))
        #expect(third.at("components", "schemas", name) != nil, "\(reference)")
      }
    }
    #expect(openAPI.third(path: "apis/nonsuch/v1") == nil)
  }

  @Test func propertiesTellHowTheyAreMerged() throws {
    let third = try #require(openAPI.third(path: "apis/example.io/v1"))
    #expect(
      third.at("components", "schemas", "io.example.v1.GadgetSpec", "properties", "ports")?.encodedText
        == ##"{"description":"Ports.","items":{"$ref":"#/components/schemas/io.example.v1.Port"},"type":"array","##
        + ##""x-kubernetes-list-map-keys":["name"],"x-kubernetes-list-type":"map","##
        + ##""x-kubernetes-patch-merge-key":"name","x-kubernetes-patch-strategy":"merge"}"##)
    #expect(
      third.at("components", "schemas", "io.example.v1.Gadget", "x-kubernetes-group-version-kind")?.encodedText
        == #"[{"group":"example.io","kind":"Gadget","version":"v1"}]"#)
    #expect(
      third.at("components", "schemas", "io.example.v1.Port", "properties", "protocol")?.encodedText
        == #"{"description":"Protocol of the port.","type":"string","enum":["TCP","UDP"],"default":"TCP"}"#)
    let path = "/apis/example.io/v1/namespaces/{namespace}/gadgets/{name}"
    let parameters = third.at("paths", path, "patch", "parameters")?.items.compactMap { $0["name"]?.text }
    #expect(parameters?.contains("fieldValidation") == true)
  }

  @Test func discoveryListsKindsAndSubresources() throws {
    let discovery = DiscoveryDocuments(Sample.catalog)
    let resources = try #require(discovery.resources(group: "example.io", version: "v1"))
    #expect(
      resources["resources"]?.items.compactMap { $0["name"]?.text } == ["gadgets", "gadgets/scale", "gadgets/status"])
    #expect(
      resources["resources"]?.items[1].encodedText
        == #"{"name":"gadgets/scale","singularName":"","namespaced":true,"group":"autoscaling","version":"v1","kind":"Scale","verbs":["get","patch","update"]}"#
    )
    #expect(discovery.resources(group: "example.io", version: "v2") == nil)
    #expect(discovery.groups["groups"]?.items.count == 1)
    #expect(discovery.group("example.io")?["kind"] == "APIGroup")
    #expect(discovery.group("nonsuch") == nil)
    #expect(
      discovery.aggregated(core: true, version: "v2")["items"]?.items.first?.at("versions")?.items.first?
        .at("resources")?.items.first?["scope"] == "Cluster")
    #expect(
      discovery.aggregated(core: false, version: "v2")["items"]?.items.first?.at("metadata", "name") == "example.io")
  }

  @Test func tablesCarryWhatIsAskedFor() throws {
    let metadata =
      #"{"name":"g","creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{"a":"]},\""},[]],"labels":{}}"#
    let text = #"{"kind":"Gadget","metadata":"# + metadata + #","spec":{"mode":"x","managedFields":1}}"#
    let object = StoredObject(
      key: ObjectKey(Sample.kind.resource, name: "g"), revision: 3, attributes: ObjectAttributes(),
      document: Array(text.utf8))
    let now = try #require(Timestamp("2026-01-01T00:01:00Z"))
    func rows(_ rowObject: TableDocument.RowObject) throws -> String {
      let document = TableDocument(Sample.kind.table, rowObject: rowObject, now: now)
      return String(decoding: try document.encoded([object], metadata: [:], showsColumns: false), as: UTF8.self)
    }
    let head = #"{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},"columnDefinitions":[],"rows":["#
    let partial = #"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"# + metadata + "}"
    #expect(try rows(.metadata) == head + #"{"cells":["g","60s"],"object":"# + partial + "}]}")
    #expect(try rows(.none) == head + #"{"cells":["g","60s"]}]}"#)
    #expect(try rows(.object) == head + #"{"cells":["g","60s"],"object":"# + text + "}]}")
    var encoder = ObjectEncoder()
    try TableDocument.writePartial(of: object, to: &encoder)
    #expect(String(decoding: encoder.bytes, as: UTF8.self) == partial)
    let document = TableDocument(Sample.kind.table, now: now)
    #expect(try document.encoded([object, object], metadata: [:]).count > head.utf8.count + 2 * partial.utf8.count)
    #expect(document.columnDefinitions.items.first?["format"] == "name")
  }
}
