import ContainerEngine
import HTTPServing
import LinuxSystem
import Model

/// Frames of a process's stream, in both directions: a byte for the channel, four for the length, the bytes.
struct StreamFrame: Equatable {
  enum Channel: UInt8 {
    /// To the process; a frame without bytes is the end of its input.
    case input = 0
    case output = 1
    case errors = 2
    /// The last frame to the client: `{"exitCode":N}`, or `{"error":"…"}` where nothing ran.
    case end = 3
    /// To the terminal: `COLUMNS ROWS` in decimal digits.
    case resize = 4
  }

  /// The longest that is taken.
  static let maxBytes = 1 << 20
  static let headBytes = 5

  var channel: Channel
  var bytes: [UInt8]

  var encoded: [UInt8] {
    let length = UInt32(bytes.count)
    return [channel.rawValue] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + bytes
  }
}

/// Puts frames together from bytes as they come.
struct StreamFrameReader {
  private var buffer: [UInt8] = []

  mutating func append(_ bytes: [UInt8]) { buffer += bytes }

  /// The next whole frame; nil where more bytes are needed. Throws `invalidArgument` for what is none.
  mutating func next() throws -> StreamFrame? {
    guard let first = buffer.first else { return nil }
    guard let channel = StreamFrame.Channel(rawValue: first) else {
      throw PlatformError(.invalidArgument, "a frame of the channel \(first), which there is not")
    }
    guard buffer.count >= StreamFrame.headBytes else { return nil }
    let length = buffer[1..<StreamFrame.headBytes].reduce(0) { $0 << 8 | Int($1) }
    guard length <= StreamFrame.maxBytes else {
      throw PlatformError(.invalidArgument, "a frame of \(length) bytes is over the bound of \(StreamFrame.maxBytes)")
    }
    guard buffer.count >= StreamFrame.headBytes + length else { return nil }
    let bytes = Array(buffer[StreamFrame.headBytes..<StreamFrame.headBytes + length])
    buffer.removeFirst(StreamFrame.headBytes + length)
    return StreamFrame(channel: channel, bytes: bytes)
  }
}

/// Carries a process's streams over a connection.
enum ProcessStream {
  /// How long the exit code is waited for when the output has ended.
  private static let exitSeconds = 5.0

  static func exec(_ id: String, _ engine: Engine, _ stream: HijackedStream, _ settings: ExecSettings) async throws {
    let session: AttachSession?
    do {
      session = try await engine.startExec(id, detach: false, terminal: nil, height: nil, width: nil)
    } catch let error as PlatformError {
      return try await stream.write(end(#"{"error":"\#(quoted(error.message))"}"#))
    }
    guard let session else { return }
    try await run(session, engine, stream, resize: { try await engine.resizeExec(id, height: $0, width: $1) }) {
      try await engine.exitCode(ofExec: id, waitSeconds: exitSeconds)
    }
  }

  /// - Parameter exitCode: asked for when the output has ended; nil where the stream does not tell one.
  static func run(
    _ session: AttachSession, _ engine: Engine, _ stream: HijackedStream,
    resize: @escaping @Sendable (_ height: Int, _ width: Int) async throws -> Void,
    exitCode: @Sendable () async throws -> Int32?
  ) async throws {
    defer { session.close() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await copyInput(stream, to: session, resize: resize) }
      defer { group.cancelAll() }
      while let chunk = try await session.next() {
        let channel: StreamFrame.Channel = chunk.stream == .stdout ? .output : .errors
        for start in stride(from: 0, to: chunk.bytes.count, by: StreamFrame.maxBytes) {
          let piece = Array(chunk.bytes[start..<min(start + StreamFrame.maxBytes, chunk.bytes.count)])
          try await stream.write(StreamFrame(channel: channel, bytes: piece).encoded)
        }
      }
      let code = try await exitCode()
      try await stream.write(end(code.map { #"{"exitCode":\#($0)}"# } ?? "{}"))
      await stream.closeWrite()
    }
  }

  /// Ends quietly: what is wrong with the input shows in the output, or is nobody's concern any more.
  private static func copyInput(
    _ stream: HijackedStream, to session: AttachSession, resize: @Sendable (Int, Int) async throws -> Void
  ) async {
    var reader = StreamFrameReader()
    do {
      while let bytes = try await stream.read() {
        reader.append(bytes)
        while let frame = try reader.next() {
          switch frame.channel {
          case .input where frame.bytes.isEmpty: await session.closeInput()
          case .input: guard try await session.write(frame.bytes) else { return }
          case .resize:
            let numbers = String(decoding: frame.bytes, as: UTF8.self).split(separator: " ").compactMap { Int($0) }
            if numbers.count == 2 { try await resize(numbers[1], numbers[0]) }
          case .output, .errors, .end: return await session.closeInput()
          }
        }
      }
    } catch {}
    await session.closeInput()
  }

  private static func end(_ text: String) -> [UInt8] { StreamFrame(channel: .end, bytes: Array(text.utf8)).encoded }

  /// Text as a JSON string's inside.
  static func quoted(_ text: String) -> String {
    text.unicodeScalars.reduce(into: "") { output, scalar in
      switch scalar {
      case "\"", "\\": output += "\\\(scalar)"
      case "\n": output += "\\n"
      case _ where scalar.value < 0x20: output += " "
      default: output.unicodeScalars.append(scalar)
      }
    }
  }
}
