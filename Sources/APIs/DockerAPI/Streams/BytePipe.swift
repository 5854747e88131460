import ContainerEngine
import Glibc
import HTTPServing
import LinuxSystem
import Model

/// Moves bytes between HTTP bodies and the descriptors that the engine reads and writes. Blocking: callers run on the
/// threads of a `TransferPermit`.
enum BytePipe {
  private static let pieceBytes = 256 * 1_024
  /// How long a client may take for one piece that it is sent.
  private static let readerPatienceMilliseconds: Int64 = 600_000

  /// Sends everything that the engine produces. Throws what the producer failed with, so that the client sees a cut body.
  static func send(_ produced: ProducedBytes, to writer: StreamWriter) async throws {
    var buffer = [UInt8](repeating: 0, count: pieceBytes)
    while true {
      let count = try buffer.withUnsafeMutableBytes { try produced.descriptor.read(into: $0) }
      if count == 0 { break }
      try await writer.write(buffer[..<count], withinMilliseconds: readerPatienceMilliseconds)
    }
    try await produced.finish()
  }

  /// Runs `work` with a descriptor from which it reads the body; returns when both have ended.
  ///
  /// Work that stops reading early ends the copying, not the other way round: its error is the one that counts, except
  /// where the body broke off, which is then the reason.
  static func receive<Value: Sendable>(
    _ body: RequestBody, _ work: @Sendable (Descriptor) async throws -> Value
  ) async throws -> Value {
    let (input, output) = try heldPipe()
    async let copied: Void = copy(body, to: output)
    let result: Result<Value, any Error>
    do {
      result = .success(try await work(try input.take()))
    } catch {
      result = .failure(error)
    }
    do {
      try await copied
    } catch let error as SystemError where error.errno == EPIPE {
      // The work had enough of it.
    }
    return try result.get()
  }

  /// A pipe whose ends nobody but the holders keeps: a variable of the caller would keep the writing end open, and the
  /// reader would wait for more for ever.
  private static func heldPipe() throws -> (input: HeldDescriptor, output: HeldDescriptor) {
    let (read, write) = try Descriptor.pipe()
    return (HeldDescriptor(read), HeldDescriptor(write))
  }

  private static func copy(_ body: RequestBody, to output: HeldDescriptor) async throws {
    try await copy(body, to: try output.take())
  }

  /// Writes a whole body, as long as it comes at a bearable pace.
  static func copy(_ body: RequestBody, to descriptor: Descriptor, limitBytes: Int64 = .max) async throws {
    var pace = TransferPace()
    var total: Int64 = 0
    while true {
      let began = Clock.monotonicNanoseconds()
      guard let piece = try await body.next(withinMilliseconds: pace.leftMilliseconds) else { return }
      let waited = Int64((Clock.monotonicNanoseconds() - began) / 1_000_000)
      pace.received(bytes: piece.readableBytes, afterMilliseconds: waited)
      if pace.isSpent { throw HTTPRefusal(.requestTimeout, "the archive arrives too slowly") }
      total += Int64(piece.readableBytes)
      guard total <= limitBytes else {
        throw HTTPRefusal(.payloadTooLarge, "the archive is longer than \(limitBytes) bytes")
      }
      try piece.withUnsafeReadableBytes { try descriptor.write(all: $0) }
    }
  }
}

/// Hands a descriptor over once, so that it is closed when the one who took it is done.
private final class HeldDescriptor: Sendable {
  private let descriptor: Locked<Descriptor?>

  init(_ descriptor: Descriptor) {
    self.descriptor = Locked(descriptor)
  }

  func take() throws -> Descriptor {
    let taken = descriptor.withLock { descriptor in
      defer { descriptor = nil }
      return descriptor
    }
    guard let taken else { throw CancellationError() }
    return taken
  }
}
