import Glibc

/// The program's own code in memory.
public enum ProgramText {
  private static let mapsLimitBytes = 4 << 20

  /// Unmaps the program's code, which the kernel maps again, from its cache, where it is executed.
  ///
  /// What runs at the start alone (migrations, schemas, option parsing) is half of the code; the kernel maps whole
  /// neighbourhoods of it and never takes them back. The pages are clean copies of the file (madvise(2), MADV_DONTNEED).
  public static func unmapUnused() throws {
    let own = try Descriptor.open("/proc/self/exe", flags: O_PATH | O_NOFOLLOW).readLink()
    let maps = try FileSystem.read("/proc/self/maps", maxBytes: mapsLimitBytes)
    for line in maps.split(separator: UInt8(ascii: "\n")) {
      guard let range = range(ofCodeIn: String(decoding: line, as: UTF8.self), program: own),
        let start = UnsafeMutableRawPointer(bitPattern: range.lowerBound)
      else { continue }
      try systemCall("madvise", own) { madvise(start, range.count, MADV_DONTNEED) }
    }
  }

  /// The addresses of a line of proc_pid_maps(5) that shows the program's read-only code, nil for every other.
  static func range(ofCodeIn line: String, program: String) -> Range<UInt>? {
    let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
    guard fields.count == 6, fields[1] == "r-xp", fields[5].drop(while: { $0 == " " }) == program else { return nil }
    let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
    guard ends.count == 2, ends[0] < ends[1] else { return nil }
    return ends[0]..<ends[1]
  }
}
