import Glibc

/// Which cgroup hierarchies a host has (cgroups(7)).
public enum CgroupMode: String, Sendable {
  /// Hierarchies of version 1 only.
  case v1
  /// Hierarchies of version 1 with the controllers, and one of version 2 beside them.
  case hybrid
  /// Version 2 only.
  case v2

  /// The mode of the calling thread's mount namespace.
  /// - Throws: ENOENT when no hierarchy is mounted.
  public static func detect() throws -> CgroupMode {
    try CgroupLayout.detect().mode
  }
}

/// Where each controller's hierarchy is mounted.
public struct CgroupLayout: Sendable, Equatable {
  public let mode: CgroupMode
  /// Mount points of version 1, by controller; named hierarchies as "name=systemd".
  public let controllers: [String: String]
  /// Mount point of version 2.
  public let unified: String?

  /// The layout of the calling thread's mount namespace.
  public static func detect() throws -> CgroupLayout {
    try CgroupLayout(mounts: MountTable.read())
  }

  /// - Throws: ENOENT when no hierarchy is mounted.
  public init(mounts: [MountRecord]) throws {
    let flags: Set<String> = ["rw", "ro", "xattr", "noprefix", "clone_children", "cpuset_v2_mode"]
    var controllers: [String: String] = [:]
    var unified: String?
    // A hierarchy may be mounted often; the whole one that came first is the host's.
    for mount in mounts where mount.root == "/" {
      switch mount.type {
      case "cgroup2":
        if unified == nil { unified = mount.mountPoint }
      case "cgroup":
        for option in mount.superOptions where !flags.contains(option) && !option.hasPrefix("release_agent=") {
          if controllers[option] == nil { controllers[option] = mount.mountPoint }
        }
      default: break
      }
    }
    self.controllers = controllers
    self.unified = unified
    switch (controllers.isEmpty, unified) {
    case (false, nil): mode = .v1
    case (false, .some): mode = .hybrid
    case (true, .some): mode = .v2
    case (true, nil): throw SystemError(errno: ENOENT, operation: "detect", subject: "cgroup")
    }
  }

  /// All mount points in which a cgroup has a directory, each once, in a fixed order.
  public var hierarchies: [String] {
    Set(controllers.values).union(unified.map { [$0] } ?? []).sorted()
  }

  /// The directory of a cgroup in a controller's hierarchy, nil when there is none. On version 2 all controllers share
  /// one directory.
  public func directory(_ controller: String, _ path: CgroupPath) -> String? {
    (controllers[controller] ?? unified).map { $0 + path.text }
  }
}

/// The place of a cgroup below the root of its hierarchies, such as "/bulkhead-ab12/0123".
public struct CgroupPath: Sendable, Hashable, CustomStringConvertible {
  /// Begins with "/", does not end with it.
  public let text: String

  /// - Throws: EINVAL for the root itself, empty components, "." and "..", zero bytes and newlines.
  public init(_ text: String) throws {
    let components = text.split(separator: "/", omittingEmptySubsequences: false)
    let names = components.dropFirst()
    let isValid = names.allSatisfy { name in
      !name.isEmpty && name != "." && name != ".." && name.utf8.count <= Limits.nameBytes
        && !name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "\n") }
    }
    if components.first != "" || names.isEmpty || !isValid {
      throw SystemError(errno: EINVAL, operation: "cgroup", subject: text)
    }
    self.text = text
  }

  /// The cgroup that holds this one, nil directly below the root.
  public var parent: CgroupPath? {
    try? CgroupPath(FileSystem.parent(of: text))
  }

  public var description: String { text }
}
