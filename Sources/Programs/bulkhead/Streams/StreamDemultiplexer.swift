/// Takes apart the stream in which the engine sends standard output and standard error together.
///
/// Each frame is one byte for the stream (1 output, 2 error), three zero bytes, the length as four bytes in network order,
/// and the content. Content is handed on as it comes; nothing is kept but an unfinished frame head.
/// Source: Docker Engine API, ContainerAttach, *Stream format*.
struct StreamDemultiplexer {
  enum Stream: UInt8 { case input = 0, output = 1, error = 2 }
  enum Failure: Error, Equatable { case unknownStream(UInt8) }

  private static let headSize = 8
  private var head: [UInt8] = []
  private var stream = Stream.output
  private var remaining = 0

  /// Takes bytes in and hands out what belongs to each stream, in order.
  mutating func feed(_ bytes: [UInt8], _ each: (Stream, ArraySlice<UInt8>) throws -> Void) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      if remaining > 0 {
        let piece = rest.prefix(remaining)
        remaining -= piece.count
        rest = rest.dropFirst(piece.count)
        try each(stream, piece)
        continue
      }
      let missing = Self.headSize - head.count
      head.append(contentsOf: rest.prefix(missing))
      rest = rest.dropFirst(missing)
      guard head.count == Self.headSize else { return }
      guard let named = Stream(rawValue: head[0]) else { throw Failure.unknownStream(head[0]) }
      stream = named
      remaining = head[4...].reduce(0) { $0 << 8 | Int($1) }
      head = []
    }
  }
}
