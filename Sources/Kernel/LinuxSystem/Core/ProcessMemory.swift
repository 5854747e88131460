/// Memory of this process (proc_pid_statm(5)).
public struct ProcessMemory: Sendable, Equatable {
  public let virtualBytes: Int
  public let residentBytes: Int

  /// Nil where /proc does not tell.
  public static func current() -> ProcessMemory? {
    // Pages: all, resident, …
    guard let text = try? FileSystem.read("/proc/self/statm", maxBytes: 4096) else { return nil }
    let pages = text.split(separator: 32).prefix(2).compactMap { Int(String(decoding: $0, as: UTF8.self)) }
    guard pages.count == 2 else { return nil }
    let pageBytes = KernelInfo.pageBytes
    return ProcessMemory(virtualBytes: pages[0] * pageBytes, residentBytes: pages[1] * pageBytes)
  }
}
