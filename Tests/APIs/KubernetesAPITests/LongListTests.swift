import HTTPServing
import KubeMachinery
import Testing

@testable import KubernetesAPI

@Suite("Lists that are long") struct LongListTests {
  private static let maps = "/api/v1/namespaces/default/configmaps"

  private static func with(
    _ change: (inout KubernetesAPI.Bounds) -> Void, bytes: Int = 500, history: Int64 = 10_000,
    _ test: (APIFixture) async throws -> Void
  ) async throws {
    var storeBounds = SQLiteObjectStore.Bounds()
    storeBounds.historyRevisions = history
    storeBounds.compactionStep = min(history, storeBounds.compactionStep)
    var bounds = KubernetesAPI.Bounds()
    bounds.pageBytes = 2_000
    change(&bounds)
    let text = String(repeating: "x", count: bytes)
    let objects = (10..<30).map { number -> JSONValue in
      [
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": [
          "name": .string("m\(number)"), "namespace": "default", "labels": ["odd": .string("\(number % 2)")],
        ],
        "data": ["k": .string(text)],
      ]
    }
    try await APIFixture.with(objects: objects, bounds: bounds, storeBounds: storeBounds, test)
  }

  private static func answer(_ accept: String) throws -> ObjectAnswer {
    ObjectAnswer(
      kind: TestKinds.configMap, negotiation: try #require(Negotiation(accept)), includeObject: nil,
      now: Timestamp(seconds: 1_800_000_000))
  }

  @Test func aListInPartsIsTheListInOne() async throws {
    try await Self.with({ _ in }) { kube in
      let all = try await kube.api.service.list(TestKinds.configMap, in: "default", ListOptions())
      let whole = try Self.answer("application/json").bytes(all)
      #expect(try await kube.succeed("get", "--raw", Self.maps) == String(decoding: whole, as: UTF8.self))
      let odd = try await kube.succeed("get", "--raw", Self.maps + "?labelSelector=odd%3D1")
      let names = try JSONParser.parse(Array(odd.utf8))["items"]?.items.map(\.meta.name)
      #expect(names == stride(from: 11, to: 30, by: 2).map { "m\($0)" })
      #expect(try await kube.succeed("get", "configmaps", "-o", "name").split(separator: "\n").count == 20)
    }
  }

  @Test(
    "the parts of each form are its whole",
    arguments: [
      "application/json", "application/json;as=Table;v=v1;g=meta.k8s.io",
      "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
    ])
  func parts(_ accept: String) async throws {
    try await Self.with({ _ in }) { kube in
      let answer = try Self.answer(accept)
      let all = try await kube.api.service.list(TestKinds.configMap, in: "default", ListOptions())
      var encoder = ObjectEncoder()
      try answer.begin(all.metadata, &encoder)
      try answer.add(Array(all.objects[..<3]), isFirst: true, &encoder)
      try answer.add(Array(all.objects[3...]), isFirst: false, &encoder)
      #expect(try encoder.bytes + ObjectAnswer.listEnd == answer.bytes(all))
      #expect(try JSONParser.parse(answer.bytes(all))["metadata"]?["resourceVersion"]?.text == "\(all.revision)")
    }
  }

  @Test func pagesOfANumberMayHaveFewer() async throws {
    try await Self.with({ _ in }) { kube in
      var (names, token, pages): ([String], String, Int) = ([], "", 0)
      repeat {
        let page = try JSONParser.parse(
          Array(
            try await kube.call(.GET, Self.maps + "?limit=15" + (token.isEmpty ? "" : "&continue=" + token)).text.utf8))
        let own = page["items"]?.items.map(\.meta.name) ?? []
        names += own
        pages += 1
        #expect((1...3).contains(own.count))
        token = page["metadata"]?["continue"]?.text ?? ""
        #expect(page["metadata"]?["remainingItemCount"]?.integer ?? 0 == Int64(20 - names.count))
      } while !token.isEmpty
      #expect(names == (10..<30).map { "m\($0)" } && pages > 5)
    }
  }

  /// With a history that is shorter than what is deleted, too.
  @Test("what is deleted together goes page by page, and is told whole", arguments: [10_000, 2] as [Int64])
  func deletion(_ history: Int64) async throws {
    try await Self.with({ _ in }, history: history) { kube in
      func names(_ text: String) throws -> [String] {
        try JSONParser.parse(Array(text.utf8))["items"]?.items.map(\.meta.name) ?? []
      }
      let dry = try await kube.succeed("delete", "--raw", Self.maps + "?dryRun=All")
      #expect(try names(dry) == (10..<30).map { "m\($0)" })
      let odd = try await kube.succeed("delete", "--raw", Self.maps + "?labelSelector=odd%3D1")
      #expect(try names(odd) == stride(from: 11, to: 30, by: 2).map { "m\($0)" })
      let left = try await kube.succeed("get", "--raw", Self.maps)
      #expect(try names(left) == stride(from: 10, to: 30, by: 2).map { "m\($0)" })
      // A page of a number is all that goes.
      let page = try names(try await kube.succeed("delete", "--raw", Self.maps + "?limit=1"))
      #expect(page == ["m10"])
      let rest = try await kube.succeed("delete", "--raw", Self.maps)
      #expect(try names(rest) == stride(from: 12, to: 30, by: 2).map { "m\($0)" })
      let none = try await kube.call(.GET, Self.maps).text
      #expect(try names(none) == [])
    }
  }

  @Test func nothingIsDeletedWhereItsListIsRefused() async throws {
    try await Self.with({ $0.listBytesOfUser = 3_999 }) { kube in
      let refused = try await kube.call(.DELETE, Self.maps)
      #expect(refused.status == 429)
      let left = try await kube.api.service.list(TestKinds.configMap, in: "default", ListOptions())
      #expect(left.objects.count == 20)
    }
  }

  @Test func whatAllListsHoldIsBounded() async throws {
    try await Self.with({ $0.listBytesOfUser = 3_999 }) { kube in
      let refused = try await kube.call(.GET, Self.maps)
      #expect(refused.status == 429 && refused.headers["Retry-After"] == ["1"])
      #expect(try await kube.call(.GET, Self.maps + "?limit=1").status == 200)
    }
    try await Self.with({ $0.listBytesOfUser = 4_000 }) { kube in
      for _ in 0..<3 {
        let answer = try await kube.call(.GET, Self.maps)
        #expect(answer.status == 200)
      }
      let names = try await kube.succeed("get", "configmaps", "-o", "name")
      #expect(names.split(separator: "\n").count == 20)
    }
  }

  /// Many watches that are behind, each with a change of a large object to tell, hold no more than lists do.
  @Test func whatWatchesTellOfLargeObjectsIsBoundedToo() async throws {
    try await Self.with({ $0.listBytesOfUser = 600_000 }, bytes: 300_000) { kube in
      let output = try await kube.succeed("get", "--raw", Self.maps + "?watch=1&resourceVersion=1")
      let lines = output.split(separator: "\n")
      let error = try JSONParser.parse(Array(try #require(lines.first).utf8))
      #expect(lines.count == 1 && error["type"]?.text == "ERROR" && error.at("object", "code")?.integer == 429)
    }
  }

  @Test func whatWatchesTellFirstIsBoundedToo() async throws {
    let (all, new) = (
      Self.maps + "?watch=1", Self.maps + "?watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan"
    )
    try await Self.with(
      {
        $0.pageBytes = 200_000
        $0.listBytesOfUser = 399_999
      }, bytes: 50_000
    ) { kube in
      let (old, from) = (try await kube.call(.GET, all), try await kube.call(.GET, new))
      #expect(old.status == 429 && from.status == 200)
    }
  }
}
