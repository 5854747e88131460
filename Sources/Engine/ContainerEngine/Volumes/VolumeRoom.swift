import LinuxSystem
import Model

/// Watches how much room is left while files come in, so that neither a disk is filled to its end nor a bound is passed.
final class VolumeRoom {
  /// Most bytes between two looks.
  private static let stepBytes: Int64 = 8 << 20
  private static let mostReserveBytes: Int64 = 1 << 30

  private let checkDisk: (() throws -> Void)?
  private let checkBound: (() throws -> Void)?
  /// What a write that the kernel refused for the bound's sake is told.
  private let pastBound: (() -> PlatformError)?
  private let step: Int64
  private var next: Int64 = 0

  /// - Parameters:
  ///   - disk: the path whose file system keeps a reserve.
  ///   - expected: bytes that are to come, as far as known. They are asked for beforehand.
  ///   - what: the subject of the message: "the backup of volume 'x'".
  /// - Throws: `resourceExhausted` where what is expected does not fit.
  init(disk path: String, expected: Int64 = 0, what: String) throws {
    let space = try FileSystem.space(of: path)
    let reserve = Self.reserve(space.totalBytes)
    step = max(64 << 10, min(Self.stepBytes, reserve / 4))
    checkDisk = {
      guard try FileSystem.space(of: path).freeBytes >= reserve else {
        throw Self.full(what, path, "less than the reserve of \(reserve) bytes would be left")
      }
    }
    (checkBound, pastBound) = (nil, nil)
    guard space.freeBytes - reserve >= expected else {
      throw Self.full(
        what, path,
        "it needs about \(max(0, expected)) bytes, and \(max(0, space.freeBytes - reserve)) are free beside a reserve")
    }
  }

  /// A volume's bound, and a disk's reserve where one is named.
  init(
    disk path: String?, expected: Int64, what: String, limitBytes: Int64,
    usage: @escaping () throws -> ProjectQuota.Usage
  ) throws {
    func tooLarge(_ bytes: Int64) -> PlatformError {
      PlatformError(
        .resourceExhausted, "\(what) has more than the volume's size of \(limitBytes) bytes allows: at least \(bytes)")
    }
    func tooMany(_ files: Int64) -> PlatformError {
      PlatformError(.resourceExhausted, "\(what) has more than the \(files) files that the volume's size allows")
    }
    guard expected <= limitBytes else { throw tooLarge(expected) }
    let disk = try path.map { try VolumeRoom(disk: $0, expected: expected, what: what) }
    step = disk?.step ?? min(Self.stepBytes, max(64 << 10, limitBytes / 64))
    checkDisk = disk?.checkDisk
    checkBound = {
      // The kernel bounds containers; the engine itself may pass a bound of ext4's.
      let now = try usage()
      guard now.bytes <= limitBytes else { throw tooLarge(now.bytes) }
      guard now.limitFiles == 0 || now.files <= now.limitFiles else { throw tooMany(now.limitFiles) }
    }
    pastBound = {
      if let now = try? usage(), now.limitFiles > 0, now.files >= now.limitFiles { return tooMany(now.limitFiles) }
      return tooLarge(limitBytes + 1)
    }
  }

  /// Told how many bytes have come in all.
  func taken(_ bytes: Int64) throws {
    guard bytes >= next else { return }
    next = bytes + step
    try check()
  }

  /// Looks now, as at the end.
  func check() throws {
    try checkDisk?()
    try checkBound?()
  }

  /// What an error of writing means: xfs says that the disk is full where a bound is reached.
  func explained(_ failure: PlatformError) -> PlatformError {
    guard failure.isDiskFull, let pastBound else { return failure }
    do { try checkDisk?() } catch { return failure }
    return pastBound()
  }

  /// What is left of a disk to everything else.
  static func reserve(_ totalBytes: Int64) -> Int64 { min(mostReserveBytes, totalBytes / 20) }

  private static func full(_ what: String, _ path: String, _ reason: String) -> PlatformError {
    PlatformError(
      .resourceExhausted, "\(what) does not fit on the disk of '\(path)': \(reason)",
      isDiskFull: true)
  }
}
