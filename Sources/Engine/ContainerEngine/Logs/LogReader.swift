import Glibc
import LinuxSystem
import Model

/// Reads a container's log through all its files, and goes on with what is written where asked to follow.
///
/// Used by one task at a time.
public actor LogReader {
  private static let blockBytes = 64 << 10

  private let files: LogFiles
  private let query: LogQuery
  private let poller: Poller
  /// Resolved when nothing more will be written.
  private let ended: @Sendable () -> Bool
  private var queue: [Descriptor] = []
  private var current: Descriptor?
  private var currentInode: UInt64 = 0
  private var pending: [UInt8] = []
  private var position = 0
  private var watch: Inotify?
  private var opened = false

  init(files: LogFiles, query: LogQuery, poller: Poller, ended: @escaping @Sendable () -> Bool) {
    self.files = files
    self.query = query
    self.poller = poller
    self.ended = ended
  }

  /// The next entry that the query asks for; nil at the end.
  public func next() async throws -> LogEntry? {
    if !opened { try open() }
    while true {
      try Task.checkCancellation()
      if let entry = nextBuffered() {
        if let until = query.until, entry.time > until { return nil }
        if let since = query.since, entry.time < since { continue }
        if entry.stream == .stdout ? query.stdout : query.stderr { return entry }
        continue
      }
      if try fill() { continue }
      if !queue.isEmpty {
        use(queue.removeFirst())
        continue
      }
      guard query.follow else { return nil }
      // Asked before looking once more, so that what was written before the end is not missed.
      let isLast = ended()
      if try fill() || (try openRotated()) { continue }
      if isLast { return nil }
      if let until = query.until, Int64(Clock.realTimeNanoseconds()) > until { return nil }
      try await waitForChange()
    }
  }

  private func open() throws {
    opened = true
    if query.follow {
      let watch = try Inotify()
      _ = try watch.add(FileSystem.parent(of: files.path), [.modify, .create, .movedTo])
      self.watch = watch
    }
    var descriptors = files.all.compactMap { try? Descriptor.open($0, flags: O_RDONLY) }
    if let tail = query.tail { descriptors = try Self.seek(descriptors, tail: tail) }
    queue = descriptors
  }

  private func use(_ descriptor: Descriptor) {
    current = descriptor
    currentInode = Self.inode(descriptor)
    pending = []
    position = 0
  }

  /// Reads one block more of the present file; false at its end.
  private func fill() throws -> Bool {
    guard let current else { return false }
    var block = [UInt8](repeating: 0, count: Self.blockBytes)
    let count = try block.withUnsafeMutableBytes { try current.read(into: $0) }
    guard count > 0 else { return false }
    pending.removeFirst(position)
    position = 0
    if pending.count > LogLine.limitBytes { pending = [] }
    pending += block[..<count]
    return true
  }

  private func nextBuffered() -> LogEntry? {
    while let end = pending[position...].firstIndex(of: 10) {
      defer { position = end + 1 }
      if let entry = LogLine.parse(pending[position..<end]) { return entry }
    }
    return nil
  }

  /// Goes on to the file that took the present one's place.
  private func openRotated() throws -> Bool {
    guard let descriptor = try? Descriptor.open(files.path, flags: O_RDONLY) else { return false }
    if current != nil, Self.inode(descriptor) == currentInode { return false }
    // conmon writes no more to the old file once the new one exists; what came in between is read first.
    if try fill() { return true }
    use(descriptor)
    return true
  }

  private func waitForChange() async throws {
    guard let watch else { return }
    let descriptor = watch.descriptor.raw
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { [poller] in try await poller.waitReadable(descriptor) }
      // The end of the container and a time limit make no event in the folder.
      group.addTask { try await Task.sleep(for: .milliseconds(250)) }
      _ = try await group.next()
      group.cancelAll()
    }
    _ = try? watch.read()
  }

  private static func inode(_ descriptor: Descriptor) -> UInt64 {
    var status = stat()
    return fstat(descriptor.raw, &status) == 0 ? UInt64(status.st_ino) : 0
  }

  /// Puts the files' positions so that `tail` lines remain; drops files that lie wholly before.
  private static func seek(_ descriptors: [Descriptor], tail: Int) throws -> [Descriptor] {
    var remaining = tail
    var kept: [Descriptor] = []
    for descriptor in descriptors.reversed() {
      let size = try systemCall("lseek") { lseek(descriptor.raw, 0, SEEK_END) }
      var end = Int(size)
      var start = 0
      var found = remaining == 0
      if found { start = end }
      // The line end at the very end closes the last line and begins none.
      var skipsLast = true
      while end > 0, !found {
        let begin = max(0, end - blockBytes)
        var block = [UInt8](repeating: 0, count: end - begin)
        let count = try block.withUnsafeMutableBytes { bytes in
          try systemCall("pread") { pread(descriptor.raw, bytes.baseAddress, bytes.count, off_t(begin)) }
        }
        for index in stride(from: count - 1, through: 0, by: -1) where block[index] == 10 {
          if skipsLast {
            skipsLast = false
            continue
          }
          remaining -= 1
          if remaining == 0 {
            start = begin + index + 1
            found = true
            break
          }
        }
        end = begin
      }
      if !found, size > 0 { remaining -= 1 }
      if remaining <= 0 { found = true }
      try systemCall("lseek") { lseek(descriptor.raw, off_t(start), SEEK_SET) }
      kept.insert(descriptor, at: 0)
      if found { break }
    }
    return kept
  }
}
