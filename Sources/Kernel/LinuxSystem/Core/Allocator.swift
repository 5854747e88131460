import CLinuxShim

/// The C library's allocator of memory (mallopt(3)).
public enum Allocator {
  /// Gives allocations of this size or more, in bytes, back to the kernel when they are freed. Otherwise the bound rises with the
  /// first of them, and later ones stay on the heap.
  /// - Returns: false where the allocator does not take the size; nothing is changed then.
  @discardableResult
  public static func mapAllocations(fromBytes size: Int32) -> Bool { bh_map_allocations_from(size) != 0 }
}
