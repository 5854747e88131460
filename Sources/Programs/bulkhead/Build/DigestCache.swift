import Glibc

/// Digests of files from the last build of a context, so that only files that changed are read again.
///
/// One file for each context below `$XDG_CACHE_HOME/bulkhead/contexts`: a header, then for each file in the order of the
/// walk inode, size, times of change in nanoseconds, 32 bytes of SHA-256, the path's length and the path. Little-endian.
struct DigestCache {
  struct Stamp: Equatable {
    var inode: UInt64
    var size: UInt64
    var modified: UInt64
    var changed: UInt64

    init(_ status: stat) {
      inode = UInt64(status.st_ino)
      size = UInt64(bitPattern: Int64(status.st_size))
      modified = Self.nanoseconds(status.st_mtim)
      changed = Self.nanoseconds(status.st_ctim)
    }

    private static func nanoseconds(_ time: timespec) -> UInt64 {
      UInt64(bitPattern: Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec))
    }
  }

  private static let magic = Array("bulkhead digests 1\n".utf8)
  private static let maximumBytes = 256 << 20
  /// Caches that are kept; those written longest ago go first.
  private static let maximumFiles = 100
  /// A file that changed less than this before it was read may change again with the same times.
  private static let settledNanoseconds: UInt64 = 1_000_000_000

  private let path: String?
  private let known: [UInt8]
  private var index: Int
  private var records: [UInt8]
  private var isChanged = false

  /// One that knows nothing and keeps nothing.
  init() { (path, known, index, records) = (nil, [], 0, []) }

  /// - Parameter context: the context's absolute path, which names the cache.
  init(context: String, environment: (String) -> String?) {
    records = Self.magic
    let base = environment("XDG_CACHE_HOME") ?? environment("HOME").map { $0 + "/.cache" }
    guard let base, base.hasPrefix("/") else {
      (path, known, index) = (nil, [], 0)
      return
    }
    let path = "\(base)/bulkhead/contexts/\(SHA256Text.hex(Array(context.utf8)))"
    self.path = path
    let bytes = Self.read(path)
    known = bytes.starts(with: Self.magic) ? bytes : []
    index = known.isEmpty ? 0 : Self.magic.count
  }

  /// The digest of a file, taken from the last time or made by `hash`. Files come in the order of the walk.
  mutating func digest(
    of name: [UInt8], _ status: stat, now: UInt64, _ hash: () throws(ClientError) -> [UInt8]
  ) throws(ClientError) -> [UInt8] {
    let stamp = Stamp(status)
    if let digest = find(name, stamp) {
      add(name, stamp, digest)
      return digest
    }
    isChanged = true
    let digest = try hash()
    if max(stamp.modified, stamp.changed) &+ Self.settledNanoseconds < now { add(name, stamp, digest) }
    return digest
  }

  /// Goes forward to the record of that name; those before it are of files that are gone.
  private mutating func find(_ name: [UInt8], _ stamp: Stamp) -> [UInt8]? {
    while index + 66 <= known.count {
      let length = Int(known[index + 64]) | Int(known[index + 65]) << 8
      let end = index + 66 + length
      guard end <= known.count else {
        index = known.count
        return nil
      }
      let other = known[(index + 66)..<end]
      if other.elementsEqual(name) {
        defer { index = end }
        let isSame = known.withUnsafeBytes { bytes in
          bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) == stamp.inode
            && bytes.loadUnaligned(fromByteOffset: index + 8, as: UInt64.self) == stamp.size
            && bytes.loadUnaligned(fromByteOffset: index + 16, as: UInt64.self) == stamp.modified
            && bytes.loadUnaligned(fromByteOffset: index + 24, as: UInt64.self) == stamp.changed
        }
        return isSame ? Array(known[(index + 32)..<(index + 64)]) : nil
      }
      // A later one: this file is new.
      if ContextWalk.precedes(name[...], other) { return nil }
      isChanged = true
      index = end
    }
    return nil
  }

  private mutating func add(_ name: [UInt8], _ stamp: Stamp, _ digest: [UInt8]) {
    for value in [stamp.inode, stamp.size, stamp.modified, stamp.changed] {
      withUnsafeBytes(of: value.littleEndian) { records.append(contentsOf: $0) }
    }
    records += digest
    records.append(UInt8(truncatingIfNeeded: name.count))
    records.append(UInt8(truncatingIfNeeded: name.count >> 8))
    records += name
  }

  /// Writes what was found. A cache that cannot be written costs time at the next build, nothing else.
  func save() {
    guard let path, isChanged || index < known.count, let folder = Self.folder(of: path) else { return }
    Self.makeFolders(folder)
    let temporary = "\(path).\(getpid()).tmp"
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { return }
    let isWritten = (try? writeAll(file, records[...])) != nil
    if close(file) != 0 || !isWritten || rename(temporary, path) != 0 { unlink(temporary) }
    Self.removeOldest(in: folder)
  }

  private static func folder(of path: String) -> String? { path.lastIndex(of: "/").map { String(path[..<$0]) } }

  private static func makeFolders(_ path: String) {
    guard mkdir(path, 0o700) != 0, errno == ENOENT, let above = folder(of: path), !above.isEmpty else { return }
    makeFolders(above)
    mkdir(path, 0o700)
  }

  private static func read(_ path: String) -> [UInt8] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return [] }
    defer { close(file) }
    var status = stat()
    guard fstat(file, &status) == 0, status.st_size <= maximumBytes else { return [] }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(status.st_size))
    while let piece = try? readPiece(file, upTo: 1 << 20), !piece.isEmpty, bytes.count <= maximumBytes {
      bytes += piece
    }
    return bytes
  }

  private static func removeOldest(in folder: String) {
    guard let directory = opendir(folder) else { return }
    defer { closedir(directory) }
    var files: [(name: String, modified: Int)] = []
    while let entry = readdir(directory), files.count < 10_000 {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      var status = stat()
      if name.first != ".", fstatat(dirfd(directory), name, &status, AT_SYMLINK_NOFOLLOW) == 0 {
        files.append((name, status.st_mtim.tv_sec))
      }
    }
    guard files.count > maximumFiles else { return }
    for file in files.sorted(by: { $0.modified < $1.modified }).prefix(files.count - maximumFiles) {
      unlinkat(dirfd(directory), file.name, 0)
    }
  }
}
