import Glibc

/// The cgroups of a host, whatever the version. All calls block shortly.
public struct Cgroups: Sendable {
  /// Descendants that a walk looks at.
  static let maxDescendants = 10_000
  /// Processes listed.
  private static let maxProcessBytes = 32 << 20
  /// What a container may be limited by, enabled for children on version 2.
  private static let delegatedControllers = ["cpuset", "cpu", "io", "memory", "pids", "hugetlb", "rdma"]

  public let layout: CgroupLayout

  public init(layout: CgroupLayout) {
    self.layout = layout
  }

  /// For the hierarchies that the calling thread sees.
  public static func detect() throws -> Cgroups {
    Cgroups(layout: try .detect())
  }

  /// Creates a cgroup and those above it in every hierarchy. Existing is success.
  public func create(_ path: CgroupPath) throws {
    for mountPoint in layout.hierarchies {
      // On a hybrid host the version 2 hierarchy belongs to others and is left as it is.
      if layout.mode == .v2 { try enableControllers(for: path) }
      try FileSystem.makeDirectories(mountPoint + path.text)
      if mountPoint == layout.controllers["cpuset"] { try inheritCPUSet(mountPoint, path) }
    }
  }

  /// Removes a cgroup with those below it from every hierarchy. Missing is success. Processes are not killed.
  /// - Throws: EBUSY when there are processes.
  public func remove(_ path: CgroupPath) throws {
    for mountPoint in layout.hierarchies {
      // Most have nothing below; else deepest first.
      if rmdir(mountPoint + path.text) == 0 || errno == ENOENT { continue }
      for directory in try directories(below: mountPoint + path.text).reversed() {
        do {
          try systemCall("rmdir", directory) { rmdir(directory) }
        } catch let error as SystemError where error.errno == ENOENT {}
      }
    }
  }

  /// Removes a cgroup from every hierarchy in which nothing is in it or below it; elsewhere it stays.
  public func removeEmpty(_ path: CgroupPath) {
    for mountPoint in layout.hierarchies { _ = rmdir(mountPoint + path.text) }
  }

  /// Whether any hierarchy has this cgroup.
  public func exists(_ path: CgroupPath) -> Bool {
    layout.hierarchies.contains { FileSystem.exists($0 + path.text) }
  }

  /// Moves a process into a cgroup in every hierarchy.
  public func attach(_ pid: Int32, to path: CgroupPath) throws {
    for mountPoint in layout.hierarchies {
      try write("\(pid)", to: "\(mountPoint)\(path.text)/cgroup.procs")
    }
  }

  /// The processes in a cgroup and those below it, in rising order; none when it is missing. Zero stands for a process
  /// outside of the caller's pid namespace and is left out.
  public func listProcesses(_ path: CgroupPath) throws -> [Int32] {
    var result: Set<Int32> = []
    for mountPoint in layout.hierarchies {
      for directory in try directories(below: mountPoint + path.text) {
        result.formUnion(try processes(directory))
      }
    }
    return result.sorted()
  }

  /// Reads a file of a controller.
  /// - Throws: ENOENT when the controller, the cgroup or the file is missing.
  public func read(_ path: CgroupPath, controller: String, file: String) throws -> String {
    let bytes = try FileSystem.read(self.file(path, controller, file), maxBytes: Limits.kernelFileBytes)
    return PathText.text(of: bytes.last == UInt8(ascii: "\n") ? bytes.dropLast() : bytes[...])
  }

  /// Writes a file of a controller.
  public func write(_ path: CgroupPath, controller: String, file: String, value: String) throws {
    try write(value, to: self.file(path, controller, file))
  }

  func file(_ path: CgroupPath, _ controller: String, _ name: String) throws -> String {
    guard let directory = layout.directory(controller, path) else {
      throw SystemError(errno: ENOENT, operation: "cgroup", subject: "\(controller)\(path.text)/\(name)")
    }
    return "\(directory)/\(name)"
  }

  func write(_ text: String, to path: String) throws {
    let file = try Descriptor.open(path, flags: O_WRONLY)
    try KernelFile.write(file, text, subject: path)
  }

  /// A cgroup's directory and all below, parents before children; none when it is missing.
  func directories(below directory: String) throws -> [String] {
    let reader = DirectoryReader()
    var result = [directory]
    var next = 0
    while next < result.count {
      let parent = result[next]
      do {
        let opened = try Descriptor.open(parent, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
        for entry in try reader.entries(of: opened) where entry.type == UInt8(DT_DIR) {
          result.append("\(parent)/\(PathText.text(of: entry.name))")
        }
        next += 1
      } catch let error as SystemError where error.errno == ENOENT || error.errno == ENODEV {
        // Removed meanwhile, or never there.
        result.remove(at: next)
      }
      if result.count > Self.maxDescendants {
        throw SystemError(errno: EOVERFLOW, operation: "getdents64", subject: directory)
      }
    }
    return result
  }

  private func processes(_ directory: String) throws -> [Int32] {
    let bytes: [UInt8]
    do {
      bytes = try FileSystem.read("\(directory)/cgroup.procs", maxBytes: Self.maxProcessBytes)
    } catch let error as SystemError where error.errno == ENOENT || error.errno == ENODEV {
      return []
    } catch let error as SystemError where error.errno == EOPNOTSUPP {
      // A threaded cgroup of version 2; its processes are listed by the one above.
      return []
    }
    return CgroupText.lines(bytes).compactMap { Int32($0) }.filter { $0 > 0 }
  }

  /// On a pure version 2 host a cgroup has the controllers that each one above it has enabled.
  private func enableControllers(for path: CgroupPath) throws {
    guard let unified = layout.unified else { return }
    var above: [String] = []
    var current = path.parent
    while let parent = current {
      above.append(unified + parent.text)
      current = parent.parent
    }
    for directory in [unified] + above.reversed() {
      try FileSystem.makeDirectories(directory)
      let available = try FileSystem.read("\(directory)/cgroup.controllers", maxBytes: Limits.kernelFileBytes)
      let enabled = try FileSystem.read("\(directory)/cgroup.subtree_control", maxBytes: Limits.kernelFileBytes)
      let missing = Set(CgroupText.words(available)).subtracting(CgroupText.words(enabled))
      for controller in Self.delegatedControllers where missing.contains(controller) {
        // One by one, since one that cannot be had must not cost the others; whoever needs it finds its files missing.
        try? write("+\(controller)", to: "\(directory)/cgroup.subtree_control")
      }
    }
  }

  /// A new cpuset of version 1 is empty and takes no process until it has processors and memory nodes.
  private func inheritCPUSet(_ mountPoint: String, _ path: CgroupPath) throws {
    if let parent = path.parent { try inheritCPUSet(mountPoint, parent) }
    let directory = mountPoint + path.text
    let above = FileSystem.parent(of: directory)
    for file in ["cpuset.cpus", "cpuset.mems"] {
      let own = try FileSystem.read("\(directory)/\(file)", maxBytes: Limits.kernelFileBytes)
      if !CgroupText.words(own).isEmpty { continue }
      let inherited = try FileSystem.read("\(above)/\(file)", maxBytes: Limits.kernelFileBytes)
      if let value = CgroupText.words(inherited).first { try write(value, to: "\(directory)/\(file)") }
    }
  }
}

/// The simple texts that cgroup files hold.
enum CgroupText {
  static func lines(_ bytes: [UInt8]) -> [String] {
    bytes.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
  }

  static func words(_ bytes: [UInt8]) -> [String] {
    bytes.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }.map { String(decoding: $0, as: UTF8.self) }
  }

  /// Lines "key value".
  static func table(_ bytes: [UInt8]) -> [String: UInt64] {
    var result: [String: UInt64] = [:]
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let parts = line.split(separator: UInt8(ascii: " "))
      if parts.count == 2, let value = UInt64(String(decoding: parts[1], as: UTF8.self)) {
        result[String(decoding: parts[0], as: UTF8.self)] = value
      }
    }
    return result
  }
}
