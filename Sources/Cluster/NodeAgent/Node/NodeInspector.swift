import Glibc
import KubeMachinery
import LinuxSystem

/// Looks at the machine that the agent runs on. Blocks.
public enum NodeInspector {
  private static let maxFileBytes = 256 << 10
  /// Has a line with the count of each interrupt.
  private static let maxStatBytes = 1 << 20
  /// As many as a Kubernetes node takes.
  private static let pods: Int64 = 110

  /// - Parameter root: whose file system holds what pods write.
  public static func capacity(root: String) throws -> NodeCapacity {
    NodeCapacity(
      processors: max(1, Int64(sysconf(Int32(_SC_NPROCESSORS_ONLN)))), memoryBytes: memory("MemTotal"),
      storageBytes: try FileSystem.space(of: root).totalBytes, pods: pods)
  }

  /// - Parameter version: of the API that the agent speaks.
  public static func facts(root: String, version: String, runtime: RuntimeVersion?) -> NodeFacts {
    var facts = NodeFacts()
    facts.machineID = line("/etc/machine-id")
    facts.systemUUID = line("/sys/class/dmi/id/product_uuid")
    if facts.systemUUID.isEmpty { facts.systemUUID = facts.machineID }
    facts.bootID = line("/proc/sys/kernel/random/boot_id")
    facts.kernelVersion = KernelInfo.release()
    facts.osImage = osName
    facts.architecture = architecture
    facts.version = version
    facts.availableMemoryBytes = memory("MemAvailable")
    facts.freeStorageBytes = (try? FileSystem.space(of: root).freeBytes) ?? 0
    facts.runtime = runtime
    return facts
  }

  private static var architecture: String {
    #if arch(arm64)
      "arm64"
    #else
      "amd64"
    #endif
  }

  private static func text(_ path: String) -> String {
    (try? FileSystem.read(path, maxBytes: maxFileBytes)).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  private static func line(_ path: String) -> String {
    text(path).split(separator: "\n").first.map { String($0.filter { !$0.isWhitespace }) } ?? ""
  }

  /// Source: proc(5), `/proc/meminfo`, in KiB.
  private static func memory(_ name: String) -> Int64 {
    for line in text("/proc/meminfo").split(separator: "\n") where line.hasPrefix("\(name):") {
      let parts = line.split(separator: " ")
      return parts.count > 1 ? (Int64(parts[1]) ?? 0) * 1_024 : 0
    }
    return 0
  }

  /// What the machine has used since it was started. Source: proc(5), `/proc/stat`, `/proc/meminfo`; as cAdvisor tells it of the root of
  /// all control groups.
  public static func usage(at now: Timestamp) throws -> MachineUsage {
    MachineUsage(
      at: now,
      processorNanoseconds: processorTicks(try FileSystem.read("/proc/stat", maxBytes: maxStatBytes))
        &* (1_000_000_000 / UInt64(KernelInfo.ticksPerSecond)),
      workingSetBytes: memory("MemTotal") - memory("MemFree") - memory("Inactive(file)"))
  }

  /// Ticks in which processors worked.
  static func processorTicks(_ stat: [UInt8]) -> UInt64 {
    let line = stat.prefix { $0 != UInt8(ascii: "\n") }
    let ticks = line.split(separator: UInt8(ascii: " ")).dropFirst().prefix(8).map {
      UInt64(String(decoding: $0, as: UTF8.self)) ?? 0
    }
    // user, nice, system, idle, iowait, irq, softirq, steal; time of guests is part of the first two.
    return ticks.enumerated().reduce(0) { $1.offset == 3 || $1.offset == 4 ? $0 : $0 &+ $1.element }
  }

  /// Source: os-release(5).
  private static var osName: String {
    for line in text("/etc/os-release").split(separator: "\n") where line.hasPrefix("PRETTY_NAME=") {
      return String(line.dropFirst("PRETTY_NAME=".count).filter { $0 != "\"" })
    }
    return "Linux"
  }

  /// The name servers that the node itself asks. Source: resolv.conf(5).
  public static func resolver() -> SandboxRequest.DNS {
    var dns = SandboxRequest.DNS()
    for line in text("/etc/resolv.conf").split(separator: "\n") {
      let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
      switch words.first {
      case "nameserver": dns.servers += words.dropFirst().prefix(1)
      case "search", "domain": dns.searches = Array(words.dropFirst())
      case "options": dns.options = Array(words.dropFirst())
      default: break
      }
    }
    // A name server on the node's loopback is none for who has a loopback of his own.
    dns.servers = Array(dns.servers.filter { !$0.hasPrefix("127.") && $0 != "::1" }.prefix(3))
    return dns
  }

  /// The address by which the node reaches others; its loopback where it reaches none.
  public static func address() throws -> String {
    let probe = Descriptor(
      owning: try systemCall("socket") { socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0) }
    )
    var target = sockaddr_in()
    target.sin_family = sa_family_t(AF_INET)
    target.sin_port = UInt16(9).bigEndian
    // An address that nobody has (RFC 5737): nothing is sent, the kernel only decides on a way.
    inet_pton(AF_INET, "192.0.2.1", &target.sin_addr)
    var own = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isKnown = withUnsafeMutablePointer(to: &own) { own in
      withUnsafePointer(to: &target) { target in
        target.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(probe.raw, $0, length) == 0
        }
          && own.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(probe.raw, $0, &length) == 0 }
      }
    }
    guard isKnown else { return "127.0.0.1" }
    var buffer = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
    guard inet_ntop(AF_INET, &own.sin_addr, &buffer, socklen_t(buffer.count)) != nil else { return "127.0.0.1" }
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
