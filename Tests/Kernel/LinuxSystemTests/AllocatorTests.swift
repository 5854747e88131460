import Glibc
import LinuxSystem
import Testing

/// Each in a process of its own: what other tests and their threads take and give back in this one is nobody's to foresee.
@Suite struct AllocatorTests {
  @Test func largeAllocationsGoBackToTheKernel() async {
    await #expect(processExitsWith: .success) {
      #expect(Allocator.mapAllocations(fromBytes: 1 << 20))
      let size = 24 << 20
      let before = try residentBytes()
      for _ in 0..<3 {
        let memory = try #require(malloc(size))
        memset(memory, 1, size)
        free(memory)
      }
      #expect(try residentBytes() - before < size / 2)
    }
  }

  @Test("what was freed between things that stay goes back to the kernel")
  func trimming() async {
    await #expect(processExitsWith: .success) {
      let (count, size) = (4_096, 16 << 10)
      var trimming = HeapTrimming(growthBytes: count * size / 4)
      let before = try residentBytes()
      let pieces = try (0..<count).map { _ in try #require(malloc(size)) }
      for piece in pieces { memset(piece, 1, size) }
      // The last one keeps the heap's end where it is.
      for piece in pieces.dropLast() { free(piece) }
      #expect(try residentBytes() - before > count * size / 2)
      let hasTrimmed = trimming.run()
      #expect(hasTrimmed)
      #expect(try residentBytes() - before < count * size / 2)
      let trimsAgain = trimming.run()
      #expect(!trimsAgain, "nothing has grown since")
      free(pieces[count - 1])
    }
  }
}

private func residentBytes() throws -> Int { try #require(ProcessMemory.current()).residentBytes }
