import ArgumentParser

/// The log of one container, line by line, with the time of each.
///
/// Memory: one piece of the answer and the lines that have begun; a line longer than `maximumLine` comes in parts.
final class LogLines {
  static let maximumLine = 1 << 20

  struct Line {
    /// RFC 3339 with nine digits after the point, in UTC: sorts as text.
    let time: String
    let stream: StreamDemultiplexer.Stream
    /// Without its end.
    let text: ArraySlice<UInt8>
  }

  private let body: BodyReader
  private let isTerminal: Bool
  private var demultiplexer = StreamDemultiplexer()
  private var partial: [StreamDemultiplexer.Stream: [UInt8]] = [:]
  /// Lines that have come and were not asked for yet.
  private var ready: [Line] = []
  private var given = 0

  /// - Parameters:
  ///   - body: of `GET /containers/{id}/logs` with `timestamps`.
  ///   - isTerminal: the container writes to a terminal: its stream has no frames.
  init(_ body: BodyReader, isTerminal: Bool) {
    self.body = body
    self.isTerminal = isTerminal
  }

  /// The engine shows all lines, as docker's does, where the number is none: a slip would flood a terminal.
  static func check(tail: String?) throws {
    guard let tail, tail != "all", UInt32(tail) == nil else { return }
    throw ValidationError("invalid --tail '\(tail)': expected a number of lines, or all")
  }

  /// Lines that are here without waiting.
  var hasLine: Bool { given < ready.count }

  /// The next line; nil at the end. Waits for it.
  func next() throws -> Line? {
    while !hasLine {
      guard try read() else { return nil }
    }
    defer { given += 1 }
    return ready[given]
  }

  /// Takes the next piece of the answer; false at its end.
  func read() throws -> Bool {
    ready.removeFirst(given)
    given = 0
    guard let piece = try body.next() else {
      for (stream, bytes) in partial.sorted(by: { $0.key.rawValue < $1.key.rawValue }) where !bytes.isEmpty {
        add(bytes[...], stream)
      }
      partial = [:]
      return hasLine
    }
    if isTerminal {
      split(piece[...], .output)
    } else {
      try demultiplexer.feed(piece) { split($1, $0) }
    }
    return true
  }

  private func split(_ bytes: ArraySlice<UInt8>, _ stream: StreamDemultiplexer.Stream) {
    var begun = partial[stream] ?? []
    for byte in bytes {
      if byte == UInt8(ascii: "\n") || begun.count >= Self.maximumLine {
        add(begun[...], stream)
        begun = byte == UInt8(ascii: "\n") ? [] : [byte]
      } else {
        begun.append(byte)
      }
    }
    partial[stream] = begun
  }

  private func add(_ bytes: ArraySlice<UInt8>, _ stream: StreamDemultiplexer.Stream) {
    var text = bytes
    if isTerminal, text.last == UInt8(ascii: "\r") { text.removeLast() }
    let time = text.prefix { $0 != UInt8(ascii: " ") }
    ready.append(
      Line(time: String(decoding: time, as: UTF8.self), stream: stream, text: text.dropFirst(time.count + 1)))
  }
}
