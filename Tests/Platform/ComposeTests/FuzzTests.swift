import Testing

@testable import Compose

/// Files with bytes changed, taken out and put in: each loads or has a fault, and nothing traps.
@Suite struct FuzzTests {
  /// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
  struct Generator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  private static let pieces: [String] = [
    "$", "${", "}", ":-", "&a", "*a", "<<: *a", "!reset ", "!override ", "[", "]", "{", "}", "- ", "? ", ": ", "\n",
    "\n  ",
    "\"", "'", "|", ">", "#", "\t", "\u{0}", "é", "99999999999999999999", "-1", "null", "true", "0x", "~", "..", "/",
    "%", "\\",
  ]

  @Test(arguments: 1...8) func changedFiles(_ seed: UInt64) throws {
    var generator = Generator(state: seed)
    let texts = Corpus.all.compactMap { example in example.files.files["/project/compose.yaml"] }
    try #require(texts.count > 100)
    for _ in 0..<400 {
      var bytes = Array((texts.randomElement(using: &generator) ?? "").utf8)
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: place)
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...20, using: &generator)))
        default: bytes.insert(contentsOf: (Self.pieces.randomElement(using: &generator) ?? "").utf8, at: place)
        }
      }
      try check(bytes)
    }
  }

  private func check(_ bytes: [UInt8]) throws {
    let loader = ComposeLoader(reader: OneFile(bytes: bytes))
    let project: ComposeProject
    do throws(ComposeFaults) {
      project = try loader.load(ComposeRequest(files: ["/project/compose.yaml"])).project
    } catch {
      #expect(!error.all.isEmpty && error.all.allSatisfy { !$0.message.isEmpty })
      return
    }
    // What loads prints a file that loads again.
    guard project.service(LoadBalancer.serviceName) == nil else { return }
    let printed = project.canonical.yaml()
    let again = try ComposeLoader(reader: OneFile(bytes: Array(printed.utf8))).load(
      ComposeRequest(files: ["/project/compose.yaml"]))
    #expect(again.project.canonical == project.canonical, "\(String(decoding: bytes, as: UTF8.self))")
  }

  private struct OneFile: ComposeReader {
    var bytes: [UInt8]
    func read(_ path: String, beneath root: String?, maximumBytes: Int) throws(ComposeReadFailure) -> [UInt8] {
      guard path == "/project/compose.yaml" else { throw .notFound }
      return bytes
    }
  }
}
