import HTTPServing
import KubeMachinery
import KubeResources

/// What is the same for all pods of a node.
public struct NodeSettings: Sendable, Equatable {
  /// Of the node's object.
  public var name: String
  /// Of the node, IPv4 or IPv6; that of pods on the host's network.
  public var address: String
  public var capacity: NodeCapacity
  /// Folder of the agent; those of pods are below it.
  public var root: String
  /// Of the cluster's name server; nil where there is none.
  public var clusterDNS: String?
  /// Without dots at its ends.
  public var clusterDomain = "cluster.local"

  public init(name: String, address: String, capacity: NodeCapacity, root: String, clusterDNS: String?) {
    self.name = name
    self.address = address
    self.capacity = capacity
    self.root = root
    self.clusterDNS = clusterDNS
  }

  /// Profiles of system-call filters that pods may name (`seccompProfile` of the type `Localhost`).
  var profiles: String { "\(root)/seccomp" }
  func folder(of pod: PodIdentity) -> String { "\(root)/pods/\(pod.uid)" }
  func logFolder(of pod: PodIdentity) -> String { "\(folder(of: pod))/logs" }
}

/// Makes of a pod's specification what the runtime is asked for.
struct SandboxSettings {
  static let maxHostNameBytes = 63

  let pod: PodDocument
  let node: NodeSettings
  /// The handler of the pod's runtime class.
  let handler: String
  /// The node's own resolv.conf.
  let hostDNS: SandboxRequest.DNS

  func request(attempt: Int64) -> SandboxRequest {
    var request = SandboxRequest(pod: pod.identity)
    let spec = pod.spec
    request.attempt = attempt
    request.hostname = pod.isOnHostNetwork ? "" : hostname
    request.logFolder = node.logFolder(of: pod.identity)
    request.dns = dns
    request.ports = ports
    request.labels = pod.meta.labels.merging(
      [
        RuntimeLabel.podName: pod.identity.name, RuntimeLabel.podNamespace: pod.identity.namespace,
        RuntimeLabel.podUID: pod.identity.uid,
      ], uniquingKeysWith: { $1 })
    request.annotations = pod.meta.annotations
    for item in spec.listAt("securityContext", "sysctls") {
      request.sysctls[item.textAt("name")] = item.textAt("value")
    }
    request.network = pod.isOnHostNetwork ? .host : .pod
    request.ipc = spec.flagAt("hostIPC") ? .host : .pod
    request.processes = processes
    request.hasUserNamespace = spec.at("hostUsers")?.flag ?? true
    request.security = SecuritySettings.sandbox(pod)
    request.security.seccomp = request.security.seccomp.located(below: node.profiles)
    request.resources = ResourceSettings.request(pod)
    request.handler = handler
    return request
  }

  private var processes: SandboxRequest.Sharing {
    pod.spec.flagAt("hostPID") ? .host : pod.spec.flagAt("shareProcessNamespace") ? .pod : .container
  }

  /// Source: Kubernetes *DNS for Services and Pods*, the pod's hostname.
  var hostname: String {
    let given = pod.spec.textAt("hostname")
    var name = String(
      decoding: (given.isEmpty ? pod.identity.name : given).utf8.prefix(Self.maxHostNameBytes), as: UTF8.self)
    while name.hasSuffix("-") || name.hasSuffix(".") { name.removeLast() }
    return pod.spec.flagAt("setHostnameAsFQDN") ? fullName ?? name : name
  }

  /// With the domain, where the pod has one.
  var fullName: String? {
    let subdomain = pod.spec.textAt("subdomain")
    guard !subdomain.isEmpty else { return nil }
    let given = pod.spec.textAt("hostname")
    return
      "\(given.isEmpty ? pod.identity.name : given).\(subdomain).\(pod.identity.namespace).svc.\(node.clusterDomain)"
  }

  /// Source: Kubernetes *DNS for Services and Pods*, the pod's DNS policy and configuration.
  var dns: SandboxRequest.DNS {
    var dns: SandboxRequest.DNS
    let policy = pod.spec.textAt("dnsPolicy")
    let asksCluster =
      policy == "ClusterFirstWithHostNet" || policy != "Default" && policy != "None" && !pod.isOnHostNetwork
    if policy == "None" {
      dns = SandboxRequest.DNS()
    } else if asksCluster, let server = node.clusterDNS {
      let domain = node.clusterDomain
      dns = SandboxRequest.DNS(
        servers: [server],
        searches: ["\(pod.identity.namespace).svc.\(domain)", "svc.\(domain)", domain] + hostDNS.searches,
        options: ["ndots:5"])
    } else {
      dns = hostDNS
    }
    let own = pod.spec["dnsConfig"] ?? [:]
    func added(_ list: [String], _ name: String, _ bound: Int) -> [String] {
      var seen: Set<String> = []
      let all = list + own.listAt(name).compactMap(\.text)
      return Array(all.filter { seen.insert($0).inserted }.prefix(bound))
    }
    dns.servers = added(dns.servers, "nameservers", 3)
    dns.searches = added(dns.searches, "searches", 32)
    // A setting of the pod's own stands in place of the same one before.
    for option in own.listAt("options") {
      let (name, value) = (option.textAt("name"), option.textAt("value"))
      dns.options.removeAll { $0 == name || $0.hasPrefix("\(name):") }
      dns.options.append(value.isEmpty ? name : "\(name):\(value)")
    }
    return dns
  }

  private var ports: [SandboxRequest.PortMapping] {
    guard !pod.isOnHostNetwork else { return [] }
    return (pod.containers + pod.initContainers).flatMap { container in
      container.document.listAt("ports").compactMap { port in
        let host = port.numberAt("hostPort")
        guard host > 0 else { return nil }
        let proto = port.textAt("protocol")
        return SandboxRequest.PortMapping(
          proto: proto.isEmpty ? "TCP" : proto, containerPort: port.numberAt("containerPort"), hostPort: host,
          hostAddress: port.textAt("hostIP"))
      }
    }
  }

  /// The pod's `/etc/hosts`. Source: Kubernetes *Adding entries to Pod /etc/hosts with HostAliases*.
  func hostsFile(addresses: [String], host: String) -> String {
    var lines: [String]
    if pod.isOnHostNetwork {
      lines = [host.hasSuffix("\n") ? String(host.dropLast()) : host]
    } else {
      lines = [
        "# Kubernetes-managed hosts file.", "127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet", "fe00::0\tip6-mcastprefix", "fe00::1\tip6-allnodes", "fe00::2\tip6-allrouters",
      ]
      for address in addresses {
        lines.append(([address] + [fullName].compactMap { $0 } + [hostname]).joined(separator: "\t"))
      }
    }
    let aliases = pod.spec.listAt("hostAliases")
    if !aliases.isEmpty { lines += ["", "# Entries added by HostAliases."] }
    for alias in aliases {
      lines.append(([alias.textAt("ip")] + alias.listAt("hostnames").compactMap(\.text)).joined(separator: "\t"))
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
