import LinuxSystem
import Model
import Synchronization
import Tar

extension TarExtractor {
  /// As `extract(unpacked:)`, for an archive that may be packed. Blocks.
  /// - Throws: `resourceExhausted` also where it unpacks to far more than it is.
  public static func extract(
    from input: Descriptor, into root: RootedDirectory, path: String, options: Options,
    check: @escaping (_ takenBytes: Int64) throws -> Void = { _ in }
  ) throws {
    let meter = InputMeter()
    let source = try UnpackedStream.open(CountedSource(input, meter), limits: options.limits)
    try extract(unpacked: source, into: root, path: path, options: options) { taken in
      try meter.check(unpackedBytes: taken, options.limits)
      try check(taken)
    }
  }
}

/// Counts what came in on the thread that reads it.
private final class InputMeter: Sendable {
  private let bytes = Atomic<Int64>(0)

  func add(_ count: Int) { bytes.wrappingAdd(Int64(count), ordering: .relaxed) }

  /// - Throws: `resourceExhausted` when the archive unpacks to far more than it is.
  func check(unpackedBytes: Int64, _ limits: LayerLimits) throws {
    guard unpackedBytes > limits.ratioGraceBytes else { return }
    if unpackedBytes / limits.ratio > bytes.load(ordering: .relaxed) {
      throw PlatformError(
        .resourceExhausted, "the archive unpacks to more than \(limits.ratio) times its size, which is the limit")
    }
  }
}

private final class CountedSource: ByteSource {
  private let descriptor: Descriptor
  private let meter: InputMeter

  init(_ descriptor: Descriptor, _ meter: InputMeter) {
    self.descriptor = descriptor
    self.meter = meter
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try descriptor.read(into: buffer)
    meter.add(count)
    return count
  }
}
