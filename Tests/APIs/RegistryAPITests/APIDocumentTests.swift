import FoundationEssentials
import HTTPServing
import Testing

@testable import RegistryAPI

@Suite struct APIDocumentTests {
  @Test func `every route is described, and nothing that is no route`() {
    let routes = ManagementAPI.routes().patterns.map { "\($0.method.rawValue) \($0.pattern)" }.sorted()
    let described = APIDocument.operations.map { "\($0.method.rawValue) \(APIDocument.prefix)\($0.path)" }.sorted()
    #expect(Set(routes).subtracting(described) == [], "routes without a description in APIDocument.operations")
    #expect(Set(described).subtracting(routes) == [], "descriptions without a route")
    #expect(described.count == Set(described).count)
  }

  @Test func `every name is used once, and every schema is there`() throws {
    let names = APIDocument.operations.map(\.id)
    #expect(Set(names).count == names.count)
    var used: Set<String> = []
    APIDocument.value.collectReferences(into: &used)
    let schemas = Set(APIDocument.schemas.keys)
    #expect(used.subtracting(schemas) == [], "schemas that are named and not there")
    #expect(schemas.subtracting(used) == [], "schemas that nothing names")
  }

  /// Where the document changes on purpose: BULKHEAD_WRITE_GOLDEN=1 makes this test write docs/api/openapi.json anew.
  @Test func `the document is the one that is published`() throws {
    let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../docs/api/openapi.json")
      .standardizedFileURL
    let bytes = Data(try APIDocument.encoded())
    if ProcessInfo.processInfo.environment["BULKHEAD_WRITE_GOLDEN"] == "1" { try bytes.write(to: path) }
    let published = try Data(contentsOf: path)
    #expect(
      published == bytes,
      "docs/api/openapi.json is not what the routes say: look at the change, then run this test with BULKHEAD_WRITE_GOLDEN=1"
    )
  }
}
