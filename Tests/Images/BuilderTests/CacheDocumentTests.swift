import Model
import OCITypes
import Testing

@testable import Builder

@Suite struct CacheDocumentTests {
  private static let limits: BuildLimits = {
    var limits = BuildLimits()
    limits.cacheEntries = 3
    return limits
  }()

  private func digest(_ byte: UInt8) -> Digest { Digest(bytes: repeatElement(byte, count: 32)) }
  private func blob(_ byte: UInt8) -> ContentDescriptor {
    ContentDescriptor(mediaType: .ociLayer, digest: digest(byte), size: 10)
  }
  private func step(_ stage: Int, _ key: UInt8, _ layer: UInt8?) -> GatheredSteps.Step {
    GatheredSteps.Step(
      stage: stage, key: digest(key), created: "2024-05-06T07:08:09Z", layer: layer.map { (blob($0), digest($0)) })
  }

  @Test func `what was gathered is read again, each layer once, the target's stages first`() throws {
    let gathered = GatheredSteps()
    for step in [step(0, 1, 0xA), step(1, 2, nil), step(1, 3, 0xA), step(2, 4, 0xB)] { gathered.add(step) }
    let (document, layers, omitted) = gathered.document(of: [1, 0], limits: Self.limits)
    #expect(layers.map(\.digest) == [digest(0xA)] && omitted == 0)
    let steps = try RemoteSteps(
      StoredCache(name: "n", document: try ImageDocuments.encode(document), layers: layers) { _, _ in },
      limits: Self.limits)
    #expect(document.steps.map(\.key) == [digest(2), digest(3), digest(1)])
    #expect(steps.find(digest(1))?.layer?.diffID == digest(0xA) && steps.find(digest(3))?.layer?.blob == blob(0xA))
    #expect(steps.find(digest(2)) != nil && steps.find(digest(2))?.layer == nil && steps.find(digest(4)) == nil)
  }

  @Test func `more than a manifest and a cache may have is left out and counted`() {
    let gathered = GatheredSteps()
    for key in UInt8(1)...5 { gathered.add(step(0, key, nil)) }
    #expect(gathered.document(of: [0], limits: Self.limits).omitted == 2)
    let many = GatheredSteps()
    for number in 0..<502 {
      let digest = Digest(bytes: [UInt8](repeating: 1, count: 30) + [UInt8(number >> 8), UInt8(number & 0xFF)])
      many.add(
        GatheredSteps.Step(
          stage: 0, key: digest, created: "",
          layer: (ContentDescriptor(mediaType: .ociLayer, digest: digest, size: 1), digest)))
    }
    let (_, layers, omitted) = many.document(of: [0], limits: BuildLimits())
    #expect(layers.count == 500 && omitted == 2)
  }

  private static let hex = String(repeating: "ab", count: 32)

  @Test(arguments: [
    ("{", "not valid"), (#"{"version":2,"layers":[],"steps":[]}"#, "version is 2, expected 1"),
    (#"{"version":1,"layers":[],"steps":[]}"#, "layers names 0, the artifact has 1"),
    (#"{"version":1,"layers":["sha256:zz"],"steps":[]}"#, "digest"),
    (
      #"{"version":1,"layers":["D"],"steps":[{"key":"D","created":"2024-05-06T07:08:09Z","layer":1}]}"#,
      "steps[0].layer is 1"
    ),
    (
      #"{"version":1,"layers":["D"],"steps":[{"key":"D","created":"2024-05-06T07:08:09Z","layer":-1}]}"#,
      "steps[0].layer is -1"
    ),
    (#"{"version":1,"layers":["D"],"steps":[{"key":"D","created":"today","layer":0}]}"#, "steps[0].created"),
    (#"{"version":1,"layers":["D"],"steps":[S,S,S,S]}"#, "4 steps; at most 3"),
    ("{\"version\":1,\"layers\":" + String(repeating: "[", count: 100), "nested deeper"),
  ])
  func `ATT-017 documents that are not in order are refused`(text: String, message: String) {
    let digest = "sha256:" + Self.hex
    let document = text.replacing("S", with: #"{"key":"D","created":"2024-05-06T07:08:09Z"}"#)
      .replacing("\"D\"", with: "\"\(digest)\"")
    #expect {
      try CacheDocument(parsing: Array(document.utf8), blobs: 1, limits: Self.limits)
    } throws: { error in
      (error as? PlatformError)?.message.contains(message) == true
    }
  }
}
