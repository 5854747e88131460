import ContentStore
import Model
import OCITypes
import Testing

@testable import Registry

@Suite struct ManifestFuzzTests {
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state ^ (state >> 29)
    }
  }

  @Test("manifests with changed bytes are read or refused", arguments: 1...4)
  func changedBytes(seed: UInt64) throws {
    var random = Generator(state: seed)
    let digest = ContentHasher.digest(of: [1])
    let layer = ContentDescriptor(mediaType: .ociLayerGzip, digest: digest, size: 3)
    let manifest = try ImageDocuments.encode(
      ImageManifest(config: ContentDescriptor(mediaType: .ociConfig, digest: digest, size: 2), layers: [layer, layer]))
    let index = try ImageDocuments.encode(ImageIndex(manifests: [layer]))
    var refused = 0
    for round in 0..<500 {
      var bytes = round % 2 == 0 ? manifest : index
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        default: bytes.insert(contentsOf: bytes[place...].prefix(8), at: place)
        }
      }
      do {
        let document = try ManifestDocument(bytes, announced: nil)
        #expect(document.mediaType.isManifest || document.mediaType.isIndex)
        #expect(Set(document.blobs.map(\.digest)).count == document.blobs.count)
      } catch {
        #expect(error is RegistryError)
        refused += 1
      }
    }
    #expect(refused > 100)
  }
}
