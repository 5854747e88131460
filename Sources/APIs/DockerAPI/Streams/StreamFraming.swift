import ContainerEngine

/// How output of several streams travels on one connection: raw where there is a terminal, else framed.
///
/// A frame is one byte for the stream (1 stdout, 2 stderr), three zeroes and the length as a big-endian 32-bit number,
/// then the bytes. Source: Docker Engine API, *ContainerAttach*, stream format.
enum StreamFraming {
  static let rawType = "application/vnd.docker.raw-stream"
  static let multiplexedType = "application/vnd.docker.multiplexed-stream"

  static func frame(_ stream: OutputStream, _ bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count + 8)
    append(stream, bytes, to: &output)
    return output
  }

  static func append(_ stream: OutputStream, _ bytes: [UInt8], to output: inout [UInt8]) {
    let count = UInt32(truncatingIfNeeded: bytes.count)
    output += [stream.rawValue, 0, 0, 0]
    for shift in [24, 16, 8, 0] as [UInt32] { output.append(UInt8(truncatingIfNeeded: count >> shift)) }
    output += bytes
  }

  /// The content type of a stream; clients since 1.42 are told of frames.
  static func contentType(terminal: Bool, version: APIVersion) -> String {
    !terminal && version >= .v1(42) ? multiplexedType : rawType
  }
}
