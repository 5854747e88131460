import Model
import Testing

@testable import Isolation

@Suite struct SettingsValidatorTests {
  static let host = HostProfile(memoryBytes: 8 << 30, processors: [0, 1])

  typealias Change = @Sendable (inout ContainerSettings) -> Void

  static let wrong: [(String, Change)] = [
    ("Minimum memory limit allowed is 6MB", { $0.host.resources.memoryBytes = 1 << 20 }),
    (
      "Minimum memoryswap limit should be larger",
      {
        $0.host.resources.memoryBytes = 8 << 20; $0.host.resources.memorySwapBytes = 7 << 20
      }
    ),
    ("You should always set the Memory limit", { $0.host.resources.memorySwapBytes = 1 << 30 }),
    ("valid memory swappiness range is 0-100", { $0.host.resources.memorySwappiness = 101 }),
    ("Minimum memory reservation allowed is 6MB", { $0.host.resources.memoryReservationBytes = 1 }),
    (
      "can not be less than memory reservation",
      {
        $0.host.resources.memoryBytes = 8 << 20; $0.host.resources.memoryReservationBytes = 9 << 20
      }
    ),
    (
      "Nano CPUs and CPU Period cannot both",
      {
        $0.host.resources.nanoCPUs = 1_000_000_000; $0.host.resources.cpuPeriodMicroseconds = 5000
      }
    ),
    (
      "Nano CPUs and CPU Quota cannot both",
      {
        $0.host.resources.nanoCPUs = 1_000_000_000; $0.host.resources.cpuQuotaMicroseconds = 5000
      }
    ),
    (
      "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
      { $0.host.resources.nanoCPUs = 3_000_000_000 }
    ),
    ("Range of CPUs is from 0.01", { $0.host.resources.nanoCPUs = 9_999_999 }),
    ("Range of CPUs is from 0.01", { $0.host.resources.nanoCPUs = -1 }),
    ("CPU cfs period can not be less than 1ms", { $0.host.resources.cpuPeriodMicroseconds = 999 }),
    ("CPU cfs quota can not be less than 1ms", { $0.host.resources.cpuQuotaMicroseconds = 999 }),
    ("range for cpu shares", { $0.host.resources.cpuShares = -1 }),
    ("Invalid value 0-x for cpuset cpus", { $0.host.resources.cpusetCPUs = "0-x" }),
    ("Requested CPUs are not available - requested 0-2, available: 0-1", { $0.host.resources.cpusetCPUs = "0-2" }),
    ("Requested memory nodes are not available", { $0.host.resources.cpusetMemoryNodes = "1" }),
    ("Range of blkio weight is from 10 to 1000", { $0.host.resources.blockWeight = 9 }),
    (
      "bad format for device path",
      { $0.host.resources.blockReadBytesPerSecond = [DeviceThrottle(path: "sda", rate: 1)] }
    ),
    ("sysctl 'kernel.core_pattern' is not allowed", { $0.host.sysctls = ["kernel.core_pattern": "x"] }),
    ("sysctl 'net.' is not allowed", { $0.host.sysctls = ["net.": "x"] }),
    ("sysctl 'net/../kernel.panic' is not allowed", { $0.host.sysctls = ["net/../kernel.panic": "x"] }),
    (
      "in the host's network namespace",
      {
        $0.host.sysctls = ["net.core.somaxconn": "1"]; $0.host.networkMode = .host
      }
    ),
    (
      "in the host's IPC namespace",
      {
        $0.host.sysctls = ["kernel.shmmax": "1"]; $0.host.ipcMode = .host
      }
    ),
    ("invalid ulimit type: files", { $0.host.resourceLimits = [ResourceLimit(name: "files", soft: 1, hard: 1)] }),
    (
      "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
      { $0.host.resourceLimits = [ResourceLimit(name: "nofile", soft: 2, hard: 1)] }
    ),
    ("ulimit soft limit must be less", { $0.host.resourceLimits = [ResourceLimit(name: "nofile", soft: -1, hard: 1)] }),
    ("range for oom score adj is [-1000, 1000]", { $0.host.oomScoreAdjustment = 1001 }),
    ("SHM size can not be less than 0", { $0.host.sharedMemorySizeBytes = -1 }),
    (
      "Duplicate mount point: /x/",
      {
        $0.host.mounts = [
          MountRequest(kind: .volume, source: "va", destination: "/x"),
          MountRequest(kind: .tmpfs, source: nil, destination: "/x/"),
        ]
      }
    ),
    (
      "Duplicate mount point: /x",
      {
        $0.host.mounts = [MountRequest(kind: .volume, source: "va", destination: "/x")]; $0.host.tmpfs = ["/x": ""]
      }
    ),
    ("mount path must be absolute", { $0.host.mounts = [MountRequest(kind: .volume, source: "va", destination: "x")] }),
    (
      "destination can't be '/'", { $0.host.mounts = [MountRequest(kind: .volume, source: "va", destination: "/a/..")] }
    ),
    (
      "lies in /proc",
      { $0.host.mounts = [MountRequest(kind: .volume, source: "va", destination: "/x/../proc/self/attr")] }
    ),
    (
      "field Source must not be empty", { $0.host.mounts = [MountRequest(kind: .bind, source: nil, destination: "/x")] }
    ),
    (
      "includes invalid characters for a local volume name",
      { $0.host.mounts = [MountRequest(kind: .volume, source: "../x", destination: "/x")] }
    ),
    (
      "invalid propagation mode",
      {
        var m = MountRequest(kind: .bind, source: "/s", destination: "/x"); m.propagation = "bad"; $0.host.mounts = [m]
      }
    ),
    ("invalid tmpfs option \"foo\"", { $0.host.tmpfs = ["/x": "foo"] }),
    (
      "invalid device mode",
      { $0.host.devices = [DeviceRequest(pathOnHost: "/dev/fuse", pathInContainer: "/dev/fuse", permissions: "x")] }
    ),
    ("invalid device cgroup rule format", { $0.host.deviceCgroupRules = ["c 1:3"] }),
    ("invalid signal: SIGFOO", { $0.stopSignal = "SIGFOO" }),
    ("invalid signal: 65", { $0.stopSignal = "65" }),
    (
      "can't create 'AutoRemove' container with restart policy",
      {
        $0.host.autoRemove = true; $0.host.restart = RestartPolicy(.always)
      }
    ),
    (
      "maximum retry count can only be used with 'on-failure'",
      { $0.host.restart = RestartPolicy(.always, maximumRetryCount: 1) }
    ),
    ("maximum retry count cannot be negative", { $0.host.restart = RestartPolicy(.onFailure, maximumRetryCount: -1) }),
    ("invalid hostname format", { $0.hostname = "-a" }),
    ("invalid hostname format", { $0.hostname = String(repeating: "a", count: 64) }),
    ("invalid hostname format", { $0.hostname = "a b" }),
    ("invalid domain name", { $0.domainName = "a..b" }),
    ("invalid environment variable: =x", { $0.environment = ["A=1", "=x"] }),
    ("it needs to be an absolute path", { $0.workingDirectory = "work" }),
    ("it lies in /proc", { $0.workingDirectory = "/proc/self/fd/7" }),
    (
      "Interval in Healthcheck cannot be less than 1ms",
      {
        var h = HealthcheckSettings(); h.intervalNanoseconds = 999_999; $0.healthcheck = h
      }
    ),
    (
      "StartPeriod in Healthcheck cannot be less than 1ms",
      {
        var h = HealthcheckSettings(); h.startPeriodNanoseconds = -1; $0.healthcheck = h
      }
    ),
    (
      "Retries in Healthcheck cannot be negative",
      {
        var h = HealthcheckSettings(); h.retries = -1; $0.healthcheck = h
      }
    ),
    (
      "Unknown healthcheck type",
      {
        var h = HealthcheckSettings(); h.test = ["RUN", "x"]; $0.healthcheck = h
      }
    ),
    ("unknown log opt 'max-sise' for json-file log driver", { $0.host.log.options = ["max-sise": "1"] }),
    ("invalid value 'big' for log opt 'max-size'", { $0.host.log.options = ["max-size": "big"] }),
    ("invalid value '0' for log opt 'max-file'", { $0.host.log.options = ["max-file": "0"] }),
    (
      "port publishing and the container type network mode",
      {
        $0.host.networkMode = .container("x"); $0.host.publishAllPorts = true
      }
    ),
    (
      "hostname and the network mode",
      {
        $0.host.networkMode = .container("x"); $0.hostname = "h"
      }
    ),
    (
      "hostname and the UTS mode",
      {
        $0.host.utsMode = .host; $0.hostname = "h"
      }
    ),
    ("invalid IP address: 1.2.3", { $0.host.dnsServers = ["1.2.3"] }),
    ("bad format for add-host: \"a\"", { $0.host.extraHosts = ["a"] }),
    ("bad format for add-host", { $0.host.extraHosts = ["a:b"] }),
    ("invalid --security-opt 1: \"foo\"", { $0.host.securityOptions = ["foo"] }),
    ("invalid --security-opt 2: \"foo=bar\"", { $0.host.securityOptions = ["foo=bar"] }),
    ("invalid CapAdd: unknown capability: \"CAP_X\"", { $0.host.capabilitiesAdded = ["x"] }),
    ("invalid user namespace mode", { $0.host.userMode = .container("x") }),
    ("invalid PID mode", { $0.host.pidMode = .shareable }),
    ("invalid command: an argument has a zero byte", { $0.command = ["a\0b"] }),
  ]

  @Test(arguments: wrong.indices) func wrongValuesAreNamed(index: Int) {
    let (message, change) = Self.wrong[index]
    let failed = failure {
      _ = try SettingsValidator(host: Self.host, defaultLogDriver: "json-file").validate(settings(change))
    }
    #expect(failed.code == .invalidArgument)
    #expect(failed.message.contains(message), "\(failed.message)")
  }

  static let wrongImages: [(String, Change)] = [
    ("more than 512 mounts", { $0.anonymousVolumes = (0..<513).map { "/v\($0)" } }),
    ("mount path must be absolute", { $0.anonymousVolumes = ["v"] }),
    ("it lies in /proc", { $0.workingDirectory = "/proc/self/fd/7" }),
    ("it needs to be an absolute path", { $0.workingDirectory = "app" }),
    ("Interval in Healthcheck cannot be less than 1ms", { $0.healthcheck = health { $0.intervalNanoseconds = 1 } }),
    ("Timeout in Healthcheck cannot be less than 1ms", { $0.healthcheck = health { $0.timeoutNanoseconds = .min } }),
    ("Retries in Healthcheck cannot be negative", { $0.healthcheck = health { $0.retries = .min } }),
    ("invalid environment variable", { $0.environment = ["=x"] }), ("invalid label", { $0.labels = ["": "x"] }),
    ("invalid signal", { $0.stopSignal = "SIGNOPE" }),
  ]

  private static func health(_ change: (inout HealthcheckSettings) -> Void) -> HealthcheckSettings {
    var check = HealthcheckSettings()
    check.test = ["CMD", "true"]
    change(&check)
    return check
  }

  @Test(arguments: wrongImages.indices) func imagesAreCheckedLikeRequests(index: Int) {
    let (message, change) = Self.wrongImages[index]
    let validator = SettingsValidator(host: Self.host, defaultLogDriver: "json-file")
    let failed = failure { try validator.validateImage(settings(change)) }
    #expect(failed.code == .invalidArgument)
    #expect(failed.message.hasPrefix("the image '") && failed.message.contains(message), "\(failed.message)")
  }

  @Test(arguments: [("/proc/self/fd/7", false), ("/a/../proc/1", false), ("app", false), ("", true), ("/srv", true)])
  func workingDirectoriesOfExecsAreChecked(folder: String, isRight: Bool) {
    let isTaken = (try? SettingsValidator.checkWorkingDirectory(folder)) != nil
    #expect(isTaken == isRight)
  }

  static let missing: [(String, Change)] = [
    ("storage-opt", { $0.host.storageOptions = ["size": "1G"] }),
    ("volume-driver nfs", { $0.host.volumeDriver = "nfs" }),
    ("kernel-memory", { $0.host.resources.kernelMemoryBytes = 1 << 30 }),
    ("cpu-rt-runtime", { $0.host.resources.cpuRealtimeRuntimeMicroseconds = 1000 }),
    ("log driver 'gelf'", { $0.host.log.driver = "gelf" }),
    ("label=type:x", { $0.host.securityOptions = ["label=type:x"] }),
    ("apparmor=x", { $0.host.securityOptions = ["apparmor=x"] }),
    (
      "port 81/sctp",
      {
        let port = ContainerPort(number: 81, transport: .sctp)
        $0.host.publishedPorts = [
          PublishedPortRequest(port: port, hostAddress: "", hostPortFirst: 0, hostPortLast: 0)
        ]
      }
    ),
  ]

  @Test(arguments: missing.indices) func missingFeaturesAreNamed(index: Int) {
    let (name, change) = Self.missing[index]
    let failed = failure {
      _ = try SettingsValidator(host: Self.host, defaultLogDriver: "json-file").validate(settings(change))
    }
    #expect(failed.code == .notImplemented && failed.message.contains(name), "\(failed.message)")
  }

  static let right: [Change] = [
    { _ in },
    {
      $0.host.resources.memoryBytes = 6 << 20; $0.host.resources.memorySwapBytes = -1
    },
    {
      $0.host.resources.nanoCPUs = 1_500_000_000; $0.host.resources.cpusetCPUs = "0,1"; $0.host.resources.pidsLimit = -1
    },
    {
      $0.host.resources.cpuQuotaMicroseconds = -1; $0.host.resources.memorySwappiness = -1
    },
    {
      $0.hostname = "web_1.example"; $0.domainName = "example.org"; $0.environment = ["A", "B=", "C=d=e"]
    },
    {
      $0.stopSignal = "rtmin+3"; $0.host.restart = RestartPolicy(.onFailure, maximumRetryCount: 3)
    },
    { $0.host.sysctls = ["net.ipv4.ip_forward": "1", "fs.mqueue.msg_max": "5"] },
    { $0.host.tmpfs = ["/run": "rw,size=64k,mode=1777,exec", "/tmp": ""] },
    {
      $0.host.extraHosts = ["a:1.2.3.4", "b=::1", "c:[::1]", "d:host-gateway"]; $0.host.dnsServers = ["::1"]
    },
    {
      $0.host.log.driver = "local"; $0.host.log.options = ["max-size": "10m", "max-file": "3", "max-age": "7d"]
    },
    { $0.host.mounts = [MountRequest(kind: .bind, source: "/s", destination: "/proc/uptime")] },
    {
      $0.host.resourceLimits = [
        ResourceLimit(name: "nofile", soft: 1024, hard: -1), ResourceLimit(name: "core", soft: -1, hard: -1),
      ]
    },
    { $0.host.securityOptions = ["no-new-privileges", "seccomp:unconfined", "label=disable", "apparmor=unconfined"] },
    {
      $0.host.networkMode = .container("x"); $0.host.ipcMode = .shareable
    },
  ]

  @Test(arguments: right.indices) func rightValuesPassWithoutWarning(index: Int) throws {
    #expect(
      try SettingsValidator(host: Self.host, defaultLogDriver: "json-file").validate(settings(Self.right[index])) == [])
  }

  @Test func whatTheHostLacksIsAWarning() throws {
    var host = Self.host
    host.controllers = ["memory"]
    host.swapLimits = false
    let asked = settings {
      $0.host.resources.memoryBytes = 16 << 20
      $0.host.resources.memorySwapBytes = 32 << 20
      $0.host.resources.nanoCPUs = 1_000_000_000
      $0.host.resources.pidsLimit = 5
      $0.host.resources.blockWeight = 100
      $0.host.resources.oomKillDisable = true
      $0.host.networkMode = .host
      $0.host.publishedPorts = [
        PublishedPortRequest(
          port: ContainerPort(number: 80, transport: .tcp), hostAddress: "", hostPortFirst: 80, hostPortLast: 80)
      ]
    }
    let warnings = try SettingsValidator(host: host, defaultLogDriver: "json-file").validate(asked)
    for word in ["swap limits", "CPU limits", "PIDs limit", "block I/O", "OomKillDisable", "Published ports"] {
      #expect(warnings.contains { $0.contains(word) }, "\(word)")
    }
    #expect(warnings.count == 6)
  }

  @Test(
    arguments: [
      ("SIGTERM", 15), ("term", 15), ("9", 9), ("SIGRTMIN", 34), ("RTMIN+3", 37), ("sigrtmax-1", 63), ("RTMAX", 64),
      ("CHLD", 17),
    ] as [(String, Int32)])
  func signals(text: String, number: Int32) throws { #expect(try SignalName.number(text) == number) }

  @Test(arguments: [
    "", "0", "-1", "RTMIN-1", "RTMIN+31", "RTMIN+", "RTMIN++1", "RTMAX+1", "SIG", "TERMX", "99999999999",
  ])
  func wrongSignals(text: String) { #expect(failure { _ = try SignalName.number(text) }.code == .invalidArgument) }

  @Test(
    arguments: [
      ("", []), ("0", [0]), ("0-3", [0, 1, 2, 3]), ("1,3-4", [1, 3, 4]), ("x", nil), ("1-", nil), ("3-1", nil),
      ("1,,2", nil),
      ("9999", nil), ("0-8191,", nil), ("-1", nil),
    ] as [(String, Set<Int>?)])
  func indexLists(text: String, expected: Set<Int>?) {
    #expect(IndexList.parse(text) == expected)
    if let expected, !expected.isEmpty { #expect(IndexList.parse(IndexList.text(expected)) == expected) }
  }
}
