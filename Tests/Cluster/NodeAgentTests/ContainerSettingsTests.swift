import HTTPServing
import KubeMachinery
import Testing

@testable import NodeAgent

struct ContainerSettingsTests {
  private func variables(
    _ container: String, spec: String = "{}", objects: PodObjects = PodObjects(), services: [JSONValue] = []
  ) throws -> [String: String] {
    let pod = Sample.pod(spec, meta: #"{"labels":{"a":"1","b":"x\"y"},"annotations":{"k":"v"}}"#)
    let fields = FieldReference(
      pod: pod, hostAddress: "192.0.2.7", addresses: ["10.244.0.5", "fd00::5"], capacity: Sample.node.capacity)
    let list = try ContainerEnvironment(
      pod: pod, container: ContainerDocument(Sample.json(container), .main), fields: fields, objects: objects,
      services: services
    ).variables()
    #expect(Set(list.map(\.name)).count == list.count)
    return Dictionary(list.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
  }

  @Test(
    "References to variables are replaced where they are known",
    arguments: [
      ("plain", "plain"), ("$(A)", "1"), ("x$(A)y$(B)", "x1y2"), ("$(C)", "$(C)"), ("$$(A)", "$(A)"), ("$$$(A)", "$1"),
      ("$(A", "$(A"), ("$", "$"), ("$A", "$A"), ("$()", "$()"), ("a$$b", "a$b"),
    ])
  func expansion(text: String, expected: String) {
    #expect(VariableExpansion.expand(text) { ["A": "1", "B": "2"][$0] } == expected)
  }

  @Test("Variables come from values, fields, resources and objects, later ones from earlier ones")
  func sources() throws {
    var objects = PodObjects()
    objects.configMaps["m"] = .some(Sample.json(#"{"data":{"k":"v","bad=name":"x"}}"#))
    objects.secrets["s"] = .some(Sample.json(#"{"data":{"p":"c2VjcmV0"}}"#))
    objects.configMaps["none"] = .some(nil)
    let values = try variables(
      #"""
      {"name":"c","resources":{"limits":{"cpu":"1500m"},"requests":{"memory":"64Mi"}},
       "envFrom":[{"prefix":"P_","configMapRef":{"name":"m"}},{"configMapRef":{"name":"none","optional":true}}],
       "env":[{"name":"A","value":"1"},{"name":"B","value":"$(A)-$(P_k)"},
        {"name":"N","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},
        {"name":"L","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['a']"}}},
        {"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}},
        {"name":"IPS","valueFrom":{"fieldRef":{"fieldPath":"status.podIPs"}}},
        {"name":"CPU","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu"}}},
        {"name":"MILLI","valueFrom":{"resourceFieldRef":{"resource":"limits.cpu","divisor":"1m"}}},
        {"name":"MEM","valueFrom":{"resourceFieldRef":{"resource":"requests.memory","divisor":"1Mi"}}},
        {"name":"NODE","valueFrom":{"resourceFieldRef":{"resource":"limits.memory","divisor":"1Gi"}}},
        {"name":"S","valueFrom":{"secretKeyRef":{"name":"s","key":"p"}}},
        {"name":"O","valueFrom":{"secretKeyRef":{"name":"s","key":"q","optional":true}}}]}
      """#, objects: objects)
    #expect(
      values == [
        "P_k": "v", "A": "1", "B": "1-v", "N": "p", "L": "1", "IP": "10.244.0.5", "IPS": "10.244.0.5,fd00::5",
        "CPU": "2", "MILLI": "1500", "MEM": "64", "NODE": "8", "S": "secret",
      ])
  }

  @Test(
    "What is missing is told",
    arguments: [
      (#"{"envFrom":[{"secretRef":{"name":"x"}}]}"#, #"secret "x" not found"#),
      (
        #"{"env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"x","key":"k"}}}]}"#, #"configmap "x" not found"#
      ),
      (
        #"{"env":[{"name":"A","valueFrom":{"configMapKeyRef":{"name":"m","key":"k"}}}]}"#,
        "couldn't find key k in ConfigMap ns/m"
      ),
      (
        #"{"env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"spec.x"}}}]}"#, "unsupported fieldPath: spec.x"
      ),
    ])
  func missing(container: String, message: String) {
    var objects = PodObjects()
    objects.configMaps["m"] = .some(Sample.json(#"{"data":{}}"#))
    #expect(throws: ContainerEnvironment.Failure(message: message)) {
      try variables(container, objects: objects)
    }
  }

  @Test("Services are told in variables, the API's own even where links are off", arguments: [true, false])
  func services(hasLinks: Bool) throws {
    func service(_ name: String, _ namespace: String, _ address: String) -> JSONValue {
      Sample.json(
        #"{"metadata":{"name":"\#(name)","namespace":"\#(namespace)"},"spec":{"clusterIP":"\#(address)","ports":[{"name":"web-x","port":80,"protocol":"TCP"}]}}"#
      )
    }
    let values = try variables(
      #"{"env":[{"name":"U","value":"$(MY_DB_SERVICE_HOST)"}]}"#, spec: #"{"enableServiceLinks":\#(hasLinks)}"#,
      services: [
        service("my-db", "ns", "10.96.1.1"), service("kubernetes", "default", "10.96.0.1"),
        service("headless", "ns", "None"), service("other", "else", "10.96.1.2"),
      ])
    #expect(values["KUBERNETES_SERVICE_HOST"] == "10.96.0.1")
    #expect(values["U"] == (hasLinks ? "10.96.1.1" : "$(MY_DB_SERVICE_HOST)"))
    #expect(values["MY_DB_PORT_80_TCP"] == (hasLinks ? "tcp://10.96.1.1:80" : nil))
    #expect(values["MY_DB_SERVICE_PORT_WEB_X"] == (hasLinks ? "80" : nil))
    #expect(values.count == 1 + (hasLinks ? 2 : 1) * 8)
  }

  @Test("Resources become amounts of control groups, by the class of quality of the pod")
  func resources() {
    let container = ContainerDocument(
      Sample.json(
        #"{"resources":{"limits":{"cpu":"500m","memory":"1Gi"},"requests":{"cpu":"250m","memory":"512Mi"}}}"#), .main)
    func request(_ quality: String) -> ResourceRequest {
      ResourceSettings.request(
        container, of: Sample.pod(status: #"{"qosClass":"\#(quality)"}"#), nodeMemoryBytes: 8 << 30)
    }
    let burstable = request("Burstable")
    #expect(burstable.cpuShares == 256)
    #expect(burstable.cpuQuotaMicroseconds == 50_000 && burstable.cpuPeriodMicroseconds == 100_000)
    #expect(burstable.memoryLimitBytes == 1 << 30)
    #expect(burstable.outOfMemoryScore == 938)
    #expect(request("Guaranteed").outOfMemoryScore == -997)
    #expect(request("BestEffort").outOfMemoryScore == 1_000)
    #expect(ResourceSettings.shares(0) == 2)
  }

  @Test("Amounts of any size are amounts")
  func largeResources() {
    let most = #"{"cpu":"100G","memory":"9223372036854775807"}"#
    let container = ContainerDocument(Sample.json(#"{"name":"c","resources":{"limits":\#(most)}}"#), .main)
    let request = ResourceSettings.request(
      container, of: Sample.pod(status: #"{"qosClass":"Burstable"}"#), nodeMemoryBytes: 1)
    #expect(request.cpuShares == 262_144 && request.cpuQuotaMicroseconds == 100_000_000_000)
    #expect(request.memoryLimitBytes == .max && request.outOfMemoryScore == 3)
    let two = #"{"resources":{"requests":{"cpu":"9223372036854775807"}}}"#
    #expect(ResourceSettings.request(Sample.pod(#"{"containers":[\#(two),\#(two)]}"#)).cpuShares == 262_144)
    #expect(ResourceSettings.shares(.max) == 262_144)
  }

  @Test(
    "Name servers come from the cluster, the node or the pod",
    arguments: [
      (#"{}"#, ["10.96.0.10"], ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "home"], ["ndots:5"]),
      (#"{"dnsPolicy":"Default"}"#, ["198.51.100.1"], ["home"], ["rotate"]),
      (#"{"hostNetwork":true,"dnsPolicy":"ClusterFirst"}"#, ["198.51.100.1"], ["home"], ["rotate"]),
      (
        #"{"dnsPolicy":"None","dnsConfig":{"nameservers":["192.0.2.1"],"searches":["a.b"],"options":[{"name":"ndots","value":"2"},{"name":"edns0"}]}}"#,
        ["192.0.2.1"], ["a.b"], ["ndots:2", "edns0"]
      ),
      (
        #"{"dnsConfig":{"options":[{"name":"ndots","value":"1"}]}}"#, ["10.96.0.10"],
        ["ns.svc.cluster.local", "svc.cluster.local", "cluster.local", "home"], ["ndots:1"]
      ),
    ] as [(String, [String], [String], [String])])
  func dns(spec: String, servers: [String], searches: [String], options: [String]) {
    let settings = SandboxSettings(
      pod: Sample.pod(spec), node: Sample.node, handler: "",
      hostDNS: SandboxRequest.DNS(servers: ["198.51.100.1"], searches: ["home"], options: ["rotate"]))
    #expect(settings.dns == SandboxRequest.DNS(servers: servers, searches: searches, options: options))
  }

  @Test("The hosts file has the pod's names and its aliases")
  func hosts() {
    let pod = Sample.pod(
      #"{"hostname":"h","subdomain":"sub","hostAliases":[{"ip":"192.0.2.9","hostnames":["a","b"]}]}"#)
    let settings = SandboxSettings(pod: pod, node: Sample.node, handler: "", hostDNS: SandboxRequest.DNS())
    let file = settings.hostsFile(addresses: ["10.244.0.5"], host: "")
    #expect(file.contains("10.244.0.5\th.sub.ns.svc.cluster.local\th\n"))
    #expect(file.hasSuffix("192.0.2.9\ta\tb\n"))
  }

  @Test("Host names have at most 63 bytes and end with none of their separators")
  func hostname() {
    let name = String(repeating: "a", count: 62) + "-b"
    let pod = PodDocument(["metadata": ["name": .string(name), "namespace": "ns", "uid": "u"], "spec": [:]])
    let settings = SandboxSettings(pod: pod, node: Sample.node, handler: "", hostDNS: SandboxRequest.DNS())
    #expect(settings.hostname == String(repeating: "a", count: 62))
  }

  @Test(
    "Who must not be root is checked before the start",
    arguments: [
      (#"{"runAsNonRoot":true}"#, Int64(0), "", false), (#"{"runAsNonRoot":true}"#, 7, "", true),
      (#"{"runAsNonRoot":true,"runAsUser":0}"#, 7, "", false), (#"{"runAsNonRoot":true,"runAsUser":5}"#, 0, "", true),
      (#"{"runAsNonRoot":true}"#, nil, "web", false), ("{}", 0, "", true),
    ] as [(String, Int64?, String, Bool)])
  func nonRoot(context: String, user: Int64?, name: String, isAllowed: Bool) {
    let pod = Sample.pod(#"{"securityContext":\#(context)}"#)
    let image = ImageRecord(id: "i", reference: "i", userID: user, userName: name)
    let refusal = SecuritySettings.refusal(pod.containers[0], of: pod, image: image)
    #expect((refusal == nil) == isAllowed)
  }

  @Test("A container's own rights win over the pod's")
  func security() {
    let pod = Sample.pod(
      #"{"securityContext":{"runAsUser":1,"runAsGroup":2,"fsGroup":3,"supplementalGroups":[4]},"containers":[{"name":"c","securityContext":{"runAsUser":5,"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"capabilities":{"add":["NET_ADMIN"],"drop":["ALL"]},"seccompProfile":{"type":"Unconfined"}}}]}"#
    )
    let request = SecuritySettings.container(pod.containers[0], of: pod)
    #expect(request.user == 5 && request.group == 2 && request.supplementalGroups == [4, 3])
    #expect(request.forbidsNewPrivileges && request.hasReadOnlyRoot && request.seccomp == .unconfined)
    #expect(request.addedCapabilities == ["NET_ADMIN"] && request.droppedCapabilities == ["ALL"])
    #expect(SecuritySettings.container(pod.containers[0], of: Sample.pod()).seccomp == .unconfined)
    #expect(SecuritySettings.sandbox(Sample.pod()).seccomp == .runtimeDefault)
  }

  @Test(
    "Profiles are files of their own folder, whatever their names say",
    arguments: [
      ("a/b.json", "a/b.json"), ("/proc/1/root/pipe", "proc/1/root/pipe"), ("../../dev/watchdog", "dev/watchdog"),
      ("a/./../b", "a/b"), ("", ""),
    ])
  func profiles(name: String, place: String) {
    let profile = SecurityRequest.Profile.localhost(name)
    #expect(profile.located(below: Sample.node.profiles) == .localhost("/r/agent/seccomp/\(place)"))
    #expect(SecurityRequest.Profile.unconfined.located(below: "/f") == .unconfined)
  }

  @Test(
    "Credentials are given to their own registry only",
    arguments: [
      ("registry.test:5000/a/b:1", ["ada"]), ("a/b", ["hub"]), ("debian", ["hub"]), ("other.test/a", []),
      ("localhost/a", []),
    ] as [(String, [String])])
  func pullSecrets(image: String, users: [String]) throws {
    let config =
      #"{"auths":{"registry.test:5000":{"auth":"YWRhOnBhc3M="},"https://index.docker.io/v1/":{"username":"hub","password":"x"}}}"#
    let secret = PullSecret([
      "type": "kubernetes.io/dockerconfigjson", "data": [".dockerconfigjson": .string(Self.base64(config))],
    ])
    #expect(secret.credentials(for: image).map(\.userName) == users)
  }

  private static func base64(_ text: String) -> String {
    let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    var output = ""
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      var bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
      var quad = ""
      for _ in 0..<4 {
        quad = String(letters[Int(bits & 63)]) + quad
        bits >>= 6
      }
      output += quad.prefix(group.count + 1) + String(repeating: "=", count: 3 - group.count)
    }
    return output
  }
}
