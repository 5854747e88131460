import CLinuxShim

/// The C library's allocator of memory (mallopt(3), malloc_trim(3)).
public enum Allocator {
  /// Gives allocations of this size or more, in bytes, back to the kernel when they are freed. Otherwise the bound rises with the
  /// first of them, and later ones stay on the heap.
  /// - Returns: false where the allocator does not take the size; nothing is changed then.
  @discardableResult
  public static func mapAllocations(fromBytes size: Int32) -> Bool { bh_map_allocations_from(size) != 0 }

  /// Has all threads share so many arenas, 1 or more. What one thread has freed is of use to another one then, where eight arenas
  /// for each processor, as the C library has them, keep what they once held. To be called before threads are started.
  /// - Returns: false where the allocator does not take the number; nothing is changed then.
  @discardableResult
  public static func bound(arenas: Int32) -> Bool { bh_bound_arenas(arenas) != 0 }

  /// Gives free pages of all arenas back to the kernel. Threads that want memory wait meanwhile, for milliseconds.
  public static func trim() { _ = bh_trim_heap() }
}

/// Gives free memory back once much has come together: after a load that has ended, a program is small again.
public struct HeapTrimming: Sendable {
  private let growthBytes: Int
  private var residentBytes: Int

  /// - Parameter growthBytes: how much more than after the last time is much.
  public init(growthBytes: Int) {
    self.growthBytes = growthBytes
    residentBytes = ProcessMemory.current()?.residentBytes ?? 0
  }

  /// To be called now and then.
  /// - Returns: whether memory was given back.
  @discardableResult
  public mutating func run() -> Bool {
    guard let now = ProcessMemory.current() else { return false }
    residentBytes = min(residentBytes, now.residentBytes)
    guard now.residentBytes - residentBytes > growthBytes else { return false }
    Allocator.trim()
    residentBytes = ProcessMemory.current()?.residentBytes ?? now.residentBytes
    return true
  }
}
