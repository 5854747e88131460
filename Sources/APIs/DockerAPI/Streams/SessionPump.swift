import ContainerEngine
import HTTPServing

/// Copies between a client's raw connection and a session with a process, both ways, until the output ends.
enum SessionPump {
  static func run(_ session: AttachSession, _ stream: HijackedStream, reads: Bool) async throws {
    defer { session.close() }
    try await withThrowingTaskGroup(of: Void.self) { group in
      if reads { group.addTask { try await copyInput(stream, to: session) } }
      defer { group.cancelAll() }
      while let chunk = try await session.next() {
        try await stream.write(session.terminal ? chunk.bytes : StreamFraming.frame(chunk.stream, chunk.bytes))
      }
      await stream.closeWrite()
    }
  }

  /// Ends quietly: what is wrong with the input shows in the output, or is nobody's concern any more.
  private static func copyInput(_ stream: HijackedStream, to session: AttachSession) async throws {
    do {
      while let bytes = try await stream.read() {
        guard try await session.write(bytes) else { return }
      }
      await session.closeInput()
    } catch {
      await session.closeInput()
    }
  }
}
