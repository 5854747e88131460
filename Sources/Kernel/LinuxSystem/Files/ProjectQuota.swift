import CLinuxShim
import Glibc

/// Project quotas: every file below a folder carries the number of the folder's project, and the file system counts and bounds
/// what a project has. ext4 and xfs have them (quotactl(2), ext4(5), xfs(5), FS_IOC_FSSETXATTR in linux/fs.h).
///
/// Any open file of a file system stands for it. ext4 bounds nobody who has CAP_SYS_RESOURCE on the host, xfs everybody.
public enum ProjectQuota {
  /// What a file system does for projects.
  public struct State: OptionSet, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    // FS_QUOTA_PDQ_ACCT and FS_QUOTA_PDQ_ENFD (linux/dqblk_xfs.h).
    public static let counted = State(rawValue: 1 << 4)
    public static let enforced = State(rawValue: 1 << 5)
  }

  /// What a project has and may have.
  public struct Usage: Sendable, Equatable {
    public var bytes: Int64
    public var files: Int64
    /// 0 for no limit.
    public var limitBytes: Int64
    public var limitFiles: Int64

    public init(bytes: Int64, files: Int64, limitBytes: Int64 = 0, limitFiles: Int64 = 0) {
      self.bytes = bytes
      self.files = files
      self.limitBytes = limitBytes
      self.limitFiles = limitFiles
    }
  }

  /// Nothing where the file system, or the kernel, has no quotas.
  public static func state(on file: Descriptor) throws -> State {
    var answer = [UInt8](repeating: 0, count: Layout.stateBytes)
    do {
      try control(Command.state, 0, on: file, &answer)
    } catch let error as SystemError
      where [ENOSYS, ESRCH, EOPNOTSUPP, ENOTTY, EINVAL, ENODEV, ENOTBLK].contains(error.errno)
    {
      return []
    }
    return state(in: answer)
  }

  /// The project that what is made in a folder belongs to; 0 is nobody's.
  public static func project(of folder: Descriptor) throws -> UInt32 {
    load(try attributes(of: folder), Layout.project)
  }

  /// Makes a folder, and what is made below it from now on, a project's. Takes a folder open for reading.
  /// - Throws: EOPNOTSUPP where the file system knows no projects.
  public static func setProject(_ id: UInt32, of folder: Descriptor) throws {
    var bytes = try attributes(of: folder)
    store(load(bytes, Layout.flags) | Layout.inherit, at: Layout.flags, in: &bytes)
    store(id, at: Layout.project, in: &bytes)
    try systemCall("ioctl", "FS_IOC_FSSETXATTR") { bh_ioctl_pointer(folder.raw, Command.setAttributes, &bytes) }
  }

  /// Sets what a project may have; 0 for no limit. A bound of bytes is rounded up to 1,024.
  public static func setLimits(_ id: UInt32, bytes: Int64, files: Int64, on file: Descriptor) throws {
    var block = limits(bytes: bytes, files: files)
    try control(Command.setQuota, id, on: file, &block)
  }

  /// What a project has. One that was never seen has nothing.
  public static func usage(_ id: UInt32, on file: Descriptor) throws -> Usage {
    var block = [UInt8](repeating: 0, count: Layout.blockBytes)
    do {
      try control(Command.getQuota, id, on: file, &block)
    } catch let error as SystemError where error.errno == ENOENT {
      return Usage(bytes: 0, files: 0)
    }
    return usage(in: block)
  }

  // MARK: - The kernel's forms

  private enum Command {
    /// PRJQUOTA (linux/quota.h).
    static let projects: UInt32 = 2
    static let getQuota = Self.packed(0x80_0007)
    static let setQuota = Self.packed(0x80_0008)
    /// Q_XGETQSTAT, which every file system with quotas answers.
    static let state = Self.packed(0x5805)
    // _IOR('X', 31, struct fsxattr) and _IOW('X', 32, struct fsxattr).
    static let getAttributes: UInt = 0x801C_581F
    static let setAttributes: UInt = 0x401C_5820

    /// QCMD.
    private static func packed(_ command: UInt32) -> UInt32 { command << 8 | projects }
  }

  private enum Layout {
    // struct fs_quota_stat: version (1), padding (1), flags (2), …
    static let stateBytes = 80
    static let stateFlags = 2
    // struct if_dqblk: eight numbers of 8 bytes, then which of them hold (4).
    static let blockBytes = 72
    static let blockUnit: Int64 = 1_024
    static let (bytesHard, bytesUsed, filesHard, filesUsed, valid) = (0, 16, 24, 40, 64)
    /// QIF_BLIMITS and QIF_ILIMITS.
    static let limits: UInt32 = 1 | 4
    // struct fsxattr: flags, extent size, extents, project, … (4 each).
    static let attributeBytes = 28
    static let (flags, project) = (0, 12)
    /// FS_XFLAG_PROJINHERIT.
    static let inherit: UInt32 = 0x200
  }

  static func state(in answer: [UInt8]) -> State {
    State(rawValue: load(answer, Layout.stateFlags)).intersection([.counted, .enforced])
  }

  static func limits(bytes: Int64, files: Int64) -> [UInt8] {
    var block = [UInt8](repeating: 0, count: Layout.blockBytes)
    let whole = bytes / Layout.blockUnit + (bytes % Layout.blockUnit > 0 ? 1 : 0)
    store(UInt64(clamping: whole), at: Layout.bytesHard, in: &block)
    store(UInt64(clamping: files), at: Layout.filesHard, in: &block)
    store(Layout.limits, at: Layout.valid, in: &block)
    return block
  }

  static func usage(in block: [UInt8]) -> Usage {
    func number(_ offset: Int) -> Int64 { Int64(clamping: load(block, offset) as UInt64) }
    let (limit, overflows) = number(Layout.bytesHard).multipliedReportingOverflow(by: Layout.blockUnit)
    return Usage(
      bytes: number(Layout.bytesUsed), files: number(Layout.filesUsed), limitBytes: overflows ? .max : limit,
      limitFiles: number(Layout.filesHard))
  }

  private static func attributes(of folder: Descriptor) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Layout.attributeBytes)
    try systemCall("ioctl", "FS_IOC_FSGETXATTR") { bh_ioctl_pointer(folder.raw, Command.getAttributes, &bytes) }
    return bytes
  }

  private static func control(_ command: UInt32, _ id: UInt32, on file: Descriptor, _ bytes: inout [UInt8]) throws {
    try systemCall("quotactl_fd", "project \(id)") { bh_quotactl_fd(file.raw, command, id, &bytes) }
  }

  private static func load<Number: FixedWidthInteger>(_ bytes: [UInt8], _ offset: Int) -> Number {
    bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Number.self) }
  }

  private static func store<Number: FixedWidthInteger>(_ number: Number, at offset: Int, in bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { $0.storeBytes(of: number, toByteOffset: offset, as: Number.self) }
  }
}
