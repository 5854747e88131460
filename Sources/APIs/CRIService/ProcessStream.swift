import ContainerEngine
import HTTPServing
import LinuxSystem
import Model
import PodStreams

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
      outcome(of: try await engine.exitCode(ofExec: id, waitSeconds: exitSeconds))
    }
  }

  /// The last frame of a command: without a code nobody knows how it ended, and none may be made up.
  static func outcome(of code: Int32?) -> String {
    code.map { #"{"exitCode":\#($0)}"# } ?? #"{"error":"it closed its outputs and goes on running"}"#
  }

  /// The last frame of an attachment, which tells no code.
  static let attachmentEnd = "{}"

  /// - Parameter outcome: asked for when the output has ended: the last frame's text.
  static func run(
    _ session: AttachSession, _ engine: Engine, _ stream: HijackedStream,
    resize: @escaping @Sendable (_ height: Int, _ width: Int) async throws -> Void,
    outcome: @Sendable () async throws -> String
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
      try await stream.write(end(try await outcome()))
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
