import LinuxSystem
import Model

/// Watches how much room is left while files come in, so that neither a disk is filled to its end nor a bound is passed.
final class VolumeRoom {
  /// Most bytes between two looks.
  private static let stepBytes: Int64 = 8 << 20
  private static let mostReserveBytes: Int64 = 1 << 30

  private let checks: [() throws -> Void]
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
    checks = [
      {
        guard try FileSystem.space(of: path).freeBytes >= reserve else {
          throw Self.full(what, path, "less than the reserve of \(reserve) bytes would be left")
        }
      }
    ]
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
    let disk = try path.map { try VolumeRoom(disk: $0, expected: expected, what: what) }
    func tooLarge(_ bytes: Int64) -> PlatformError {
      PlatformError(
        .resourceExhausted, "\(what) has more than the volume's size of \(limitBytes) bytes allows: at least \(bytes)")
    }
    guard expected <= limitBytes else { throw tooLarge(expected) }
    step = disk?.step ?? min(Self.stepBytes, max(64 << 10, limitBytes / 64))
    let bound: () throws -> Void = {
      // The kernel bounds containers; the engine itself may pass a bound of ext4's.
      let now = try usage()
      guard now.bytes <= limitBytes else { throw tooLarge(now.bytes) }
      guard now.limitFiles == 0 || now.files <= now.limitFiles else {
        throw PlatformError(
          .resourceExhausted, "\(what) has more than the \(now.limitFiles) files that the volume's size allows")
      }
    }
    checks = (disk?.checks ?? []) + [bound]
  }

  /// Told how many bytes have come in all.
  func taken(_ bytes: Int64) throws {
    guard bytes >= next else { return }
    next = bytes + step
    try check()
  }

  /// Looks now, as at the end.
  func check() throws { for check in checks { try check() } }

  /// What is left of a disk to everything else.
  static func reserve(_ totalBytes: Int64) -> Int64 { min(mostReserveBytes, totalBytes / 20) }

  private static func full(_ what: String, _ path: String, _ reason: String) -> PlatformError {
    PlatformError(
      .resourceExhausted, "\(what) does not fit on the disk of '\(path)': \(reason)",
      isDiskFull: true)
  }
}
