import Testing

@testable import PodStreams

@Suite struct StreamFrameTests {
  @Test(arguments: [1, 3, 100]) func framesComeOutAsTheyWentIn(_ size: Int) throws {
    let frames = [
      StreamFrame(channel: .input, bytes: []), StreamFrame(channel: .errors, bytes: Array(0..<200)),
      StreamFrame(channel: .end, bytes: Array("{}".utf8)),
    ]
    let bytes = frames.flatMap(\.encoded)
    var reader = StreamFrameReader()
    var found: [StreamFrame] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      reader.append(Array(bytes[start..<min(start + size, bytes.count)]))
      while let frame = try reader.next() { found.append(frame) }
    }
    #expect(found == frames)
  }

  @Test(arguments: [[5], [0, 0, 16, 0, 1], [255, 0, 0, 0, 0]] as [[UInt8]])
  func whatIsNoFrameIsRefused(_ bytes: [UInt8]) {
    var reader = StreamFrameReader()
    reader.append(bytes)
    #expect(throws: StreamFault.self) { try reader.next() }
  }
}
