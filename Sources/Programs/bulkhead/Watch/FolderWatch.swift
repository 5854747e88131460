import Glibc
import LinuxSystem

/// Tells which files below folders change (inotify(7)). Links are not followed.
final class FolderWatch {
  static let maximumFolders = 50_000
  private static let maximumDepth = 128
  private static let kinds: Inotify.Events = [
    .closeWrite, .create, .delete, .movedFrom, .movedTo, .attributes, .onlyDirectory, .noFollow,
  ]

  private let inotify: Inotify
  private let roots: [String]
  private let passesOver: (String) -> Bool
  private var folders: [Int32: String] = [:]
  private var numbers: [String: Int32] = [:]

  /// Readable when something has changed.
  var descriptor: Int32 { inotify.descriptor.raw }

  /// - Parameters:
  ///   - roots: absolute; of a file its folder is watched, as programs put a new file in the place of an old one.
  ///   - passesOver: folders that are not looked at.
  init(_ roots: [String], passesOver: @escaping (String) -> Bool) throws(ClientError) {
    inotify = try ContainerCopy.told { try Inotify() }
    self.roots = roots
    self.passesOver = passesOver
    for root in roots { _ = try begin(root) }
  }

  /// Everything below a root, or the file itself.
  func files(below root: String) throws(ClientError) -> [String] { try begin(root) }

  private func begin(_ root: String) throws(ClientError) -> [String] {
    var status = stat()
    guard lstat(root, &status) == 0 else {
      throw ClientError("cannot watch '\(root)': \(describe(errno: errno))")
    }
    if status.st_mode & S_IFMT == S_IFDIR { return try add(root, depth: 0) }
    try register(CopyPlace.split(root).folder)
    return [root]
  }

  private func register(_ folder: String) throws(ClientError) {
    if numbers[folder] != nil { return }
    guard folders.count < Self.maximumFolders else {
      throw ClientError("more than \(Self.maximumFolders) folders are to be watched: leave some out by 'ignore'")
    }
    do {
      let number = try inotify.add(folder, Self.kinds)
      folders[number] = folder
      numbers[folder] = number
    } catch let error as SystemError where error.errno == ENOSPC {
      throw ClientError(
        "the host's bound of watched folders is reached: raise it with 'sysctl fs.inotify.max_user_watches=524288'")
    } catch let error as SystemError where [ENOENT, ENOTDIR, ELOOP].contains(error.errno) {
      return  // It was here and is gone.
    } catch {
      throw ClientError("cannot watch '\(folder)': \(error)")
    }
  }

  /// Watches a folder with all below it; returns the files that are there.
  private func add(_ folder: String, depth: Int) throws(ClientError) -> [String] {
    if depth > 0, passesOver(folder) { return [] }
    guard depth <= Self.maximumDepth else {
      throw ClientError("'\(folder)' is deeper than \(Self.maximumDepth) folders: leave it out by 'ignore'")
    }
    // First: what comes while the folder is read is then told twice, and not missed.
    try register(folder)
    var found: [String] = []
    for name in (try? FileSystem.list(folder)) ?? [] {
      let path = folder == "/" ? "/" + name : folder + "/" + name
      var status = stat()
      guard lstat(path, &status) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        found += try add(path, depth: depth + 1)
      } else {
        found.append(path)
      }
    }
    return found
  }

  /// Paths that were made, written or removed since the last call.
  func changes() throws(ClientError) -> Set<String> {
    var changed: Set<String> = []
    while true {
      let events = try ContainerCopy.told { try inotify.read() }
      if events.isEmpty { return changed }
      for event in events {
        if event.kinds.contains(.overflow) {
          for root in roots { changed.formUnion(try begin(root)) }
          continue
        }
        guard let folder = folders[event.watch] else { continue }
        guard let name = event.name else {
          if event.kinds.contains(.ignored) { forget(event.watch) }
          continue
        }
        let path = folder == "/" ? "/" + name : folder + "/" + name
        guard event.kinds.contains(.isDirectory) else {
          changed.insert(path)
          continue
        }
        if !event.kinds.isDisjoint(with: [.delete, .movedFrom]) {
          changed.insert(path)
          leave(path)
        } else if !event.kinds.isDisjoint(with: [.create, .movedTo]) {
          changed.formUnion(try add(path, depth: 1))
        }
      }
    }
  }

  /// What is moved away is no longer ours.
  private func leave(_ path: String) {
    for (folder, number) in numbers where folder == path || folder.hasPrefix(path + "/") {
      try? inotify.remove(number)
      forget(number)
    }
  }

  private func forget(_ number: Int32) {
    if let folder = folders.removeValue(forKey: number) { numbers[folder] = nil }
  }
}
