import FoundationEssentials
import Glibc

/// What an engine keeps in the kernel and must not leave there: looked for by the names it gives to things.
enum Leftovers {
  /// Everything of the engine with this root that is still there.
  static func of(folder: String, root: String) -> [String] {
    var found: [String] = []
    for process in processes(naming: folder) { found.append("process \(process.id): \(process.command.prefix(160))") }
    found += mounts(below: folder).map { "mount \($0)" }
    let instance = instance(of: root)
    found += cgroups(instance: instance).map { "cgroup \($0)" }
    found += links(instance: instance).map { "link \($0)" }
    if tables().contains("bulkhead-\(instance)") { found.append("nftables table bulkhead-\(instance)") }
    return found
  }

  /// Processes whose arguments name the folder, except those of the tests themselves.
  static func processes(naming folder: String) -> [(id: pid_t, command: String)] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { name in
      guard let id = pid_t(name), id != getpid() else { return nil }
      let command = Subprocess.text("/proc/\(id)/cmdline").replacing("\0", with: " ")
      let program = command.prefix { $0 != " " }.split(separator: "/").last ?? ""
      guard command.contains("\(folder)/"), ["conmon", "bulkheadd", "crun", "runc"].contains(program) else {
        return nil
      }
      return (id, command)
    }
  }

  static func mounts(below folder: String) -> [String] {
    Subprocess.text("/proc/self/mountinfo").split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      guard fields.count > 4, fields[4].hasPrefix("\(folder)/") else { return nil }
      return String(fields[4])
    }
  }

  /// Control groups of the instance, in any hierarchy.
  static func cgroups(instance: String) -> [String] {
    let top = "/sys/fs/cgroup"
    let hierarchies = [top] + ((try? FileManager.default.contentsOfDirectory(atPath: top)) ?? []).map { "\(top)/\($0)" }
    return hierarchies.flatMap { hierarchy -> [String] in
      let parent = "\(hierarchy)/bulkhead-\(instance)"
      let children = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
      return children.map { "\(parent)/\($0)" }.filter { isFolder($0) }
    }
  }

  static func links(instance: String) -> [String] {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in instance.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let letters = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)
    let prefix = "bh" + String(decoding: (0..<4).map { letters[Int(hash >> ($0 * 5) & 31)] }, as: UTF8.self)
    return ((try? FileManager.default.contentsOfDirectory(atPath: "/sys/class/net")) ?? []).filter {
      $0.hasPrefix(prefix)
    }
  }

  /// The name that an engine with this `--root` gives to what belongs to it (FNV-1a of its folder there, 32 bits).
  static func instance(of root: String) -> String {
    let hash = "\(root)/engine".utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
    let text = String(hash, radix: 16)
    return String(repeating: "0", count: 8 - text.count) + text
  }

  private static func tables() -> [String] {
    guard let outcome = try? Subprocess.run(["nft", "list", "tables"], folder: "/tmp") else { return [] }
    return outcome.output.split(separator: "\n").compactMap { $0.split(separator: " ").last.map(String.init) }
  }

  private static func isFolder(_ path: String) -> Bool {
    var information = stat()
    return stat(path, &information) == 0 && information.st_mode & S_IFMT == S_IFDIR
  }

  /// Ends the processes of a fixture whose tests are gone, and removes its mounts and its folder.
  static func end(folder: String, keepsFiles: Bool = false) {
    // Supervisors last: the container's processes end with the engine's knowledge where it still runs.
    let engine = pid_t(Subprocess.text("\(folder)/engine.pid"))
    for process in processes(naming: folder) where process.id == engine { kill(process.id, SIGKILL) }
    for process in processes(naming: folder) {
      for child in children(of: process.id) { kill(child, SIGKILL) }
      kill(process.id, SIGKILL)
    }
    for mount in mounts(below: folder).reversed() { umount2(mount, Int32(MNT_DETACH)) }
    let instance = instance(of: "\(folder)/root")
    for link in links(instance: instance) { _ = try? Subprocess.run(["ip", "link", "delete", link], folder: "/tmp") }
    for family in ["inet", "arp"] {
      _ = try? Subprocess.run(["nft", "delete", "table", family, "bulkhead-\(instance)"], folder: "/tmp")
    }
    if !keepsFiles { try? FileManager.default.removeItem(atPath: folder) }
  }

  private static func children(of process: pid_t) -> [pid_t] {
    Subprocess.text("/proc/\(process)/task/\(process)/children").split(separator: " ").compactMap { pid_t($0) }
  }
}
