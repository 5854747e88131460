import Glibc
import LinuxSystem
import Testing

@Suite struct AllocatorTests {
  @Test func largeAllocationsGoBackToTheKernel() throws {
    #expect(Allocator.mapAllocations(fromBytes: 1 << 20))
    let size = 24 << 20
    let before = try residentPages()
    for _ in 0..<3 {
      let memory = try #require(malloc(size))
      memset(memory, 1, size)
      free(memory)
    }
    #expect(try residentPages() - before < size / 4096 / 2)
  }

  /// Second field of /proc/self/statm (proc_pid_statm(5)).
  private func residentPages() throws -> Int {
    let text = String(decoding: try FileSystem.read("/proc/self/statm", maxBytes: 4096), as: UTF8.self)
    return try #require(Int(text.split(separator: " ")[1]))
  }
}
