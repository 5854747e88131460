import ArgumentParser

/// What `run` and `create` take: the settings of a new container.
struct ContainerOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Keep standard input open.")
  var interactive = false
  @Flag(name: .shortAndLong, help: "Give the container a terminal.")
  var tty = false
  @Flag(name: .customLong("rm"), help: "Remove the container when it ends.")
  var removeAtEnd = false
  @Option(help: "The container's name.")
  var name: String?
  @Option(name: .shortAndLong, help: "The host name inside.")
  var hostname: String?
  @Option(name: .shortAndLong, help: "user, uid, user:group or uid:gid.")
  var user: String?
  @Option(parsing: .unconditionalSingleValue, help: "A further group of the user.")
  var groupAdd: [String] = []
  @Option(name: .shortAndLong, help: "The folder to start in.")
  var workdir: String?
  @Option(
    name: .shortAndLong, parsing: .unconditionalSingleValue, help: "NAME=value, or NAME to pass on the value here.")
  var env: [String] = []
  @Option(help: "A file of NAME=value lines.")
  var envFile: [String] = []
  @Option(help: "Replace the image's entry point.")
  var entrypoint: String?
  @Option(name: .shortAndLong, help: "name=value.")
  var label: [String] = []
  @Option(help: "no, always, unless-stopped or on-failure[:tries].")
  var restart: String?
  @Option(help: "The signal that asks it to stop.")
  var stopSignal: String?
  @Option(help: "Seconds until it is killed.")
  var stopTimeout: Int?
  @Flag(name: .customLong("init"), help: "Run a small init that reaps processes.")
  var useInit = false
  @Option(help: "Write the container's id to this file.")
  var cidfile: String?
  @Option(help: "json-file, local, journald, syslog or none.")
  var logDriver: String?
  @Option(help: "An option of the log driver, such as max-size=10m.")
  var logOpt: [String] = []
  @Option(help: "The OCI runtime.")
  var runtime: String?
  @Option(help: "The domain name inside.")
  var domainname: String?
  @Option(help: "A file of name=value lines, labels.")
  var labelFile: [String] = []
  @Option(name: .shortAndLong, help: "Tie only this stream: stdin, stdout or stderr.")
  var attach: [String] = []
  @Option(help: "When to pull the image first: missing, always or never.")
  var pull: PullRule = .missing
  @Option(help: "The platform that the image must be of, such as linux/amd64.")
  var platform: String?
  @Option(help: "A note for the OCI runtime: name=value.")
  var annotation: [String] = []
  @Option(name: .customLong("sig-proxy"), help: "Pass signals on to the program: true or false.")
  var passesSignals = true

  @OptionGroup(title: "Files") var files: FileOptions
  @OptionGroup(title: "Network") var network: NetworkOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions
  @OptionGroup(title: "Isolation") var isolation: IsolationOptions
  @OptionGroup(title: "Health") var health: HealthOptions
}

/// When `run` fetches an image.
enum PullRule: String, ExpressibleByArgument, CaseIterable { case missing, always, never }

struct FileOptions: ParsableArguments {
  @Option(name: [.customShort("v"), .long], help: "source:destination[:ro], name:destination, or a destination alone.")
  var volume: [String] = []
  @Option(help: "type=TYPE,source=…,destination=…[,readonly]; TYPE is bind, volume or tmpfs.")
  var mount: [String] = []
  @Option(help: "destination[:options].")
  var tmpfs: [String] = []
  @Option(help: "Take over the volumes of a container: name[:ro].")
  var volumesFrom: [String] = []
  @Option(help: "The volume driver; local is the only one.")
  var volumeDriver: String?
  @Flag(help: "Make the root file system read-only.")
  var readOnly = false
  @Option(help: "Size of /dev/shm, such as 64m.")
  var shmSize: String?
  @Option(help: "A device of the host: path[:path inside[:rwm]].")
  var device: [String] = []
  @Option(help: "A rule of the device control group, such as 'c 1:3 rwm'.")
  var deviceCgroupRule: [String] = []
}

struct NetworkOptions: ParsableArguments {
  @Option(
    name: [.long, .customLong("net")],
    help: "bridge, host, none, container:NAME or a network's name; again for further networks.")
  var network: [String] = []
  @Option(
    name: [.customShort("p", allowingJoined: true), .long], help: "[address:][port:]port[/udp]; ranges first-last.")
  var publish: [String] = []
  @Flag(name: [.customShort("P"), .long], help: "Publish every port that the image exposes.")
  var publishAll = false
  @Option(help: "A port that others may reach.")
  var expose: [String] = []
  @Option(help: "A further name on the (first) network.")
  var networkAlias: [String] = []
  @Option(help: "A container to know by name on the default network: name[:alias].")
  var link: [String] = []
  @Option(help: "A fixed address on the (first) network, which must be one of your own.")
  var ip: String?
  @Option(help: "A fixed IPv6 address on it.")
  var ip6: String?
  @Option(help: "A fixed hardware address.")
  var macAddress: String?
  @Option(help: "A line of /etc/hosts: name:address.")
  var addHost: [String] = []
  @Option(help: "A name server.")
  var dns: [String] = []
  @Option(help: "A search domain.")
  var dnsSearch: [String] = []
  @Option(help: "A resolver option.")
  var dnsOption: [String] = []
}

struct LimitOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "Memory, such as 512m.")
  var memory: String?
  @Option(parsing: .unconditional, help: "Memory and swap together; -1 is no limit for swap.")
  var memorySwap: String?
  @Option(help: "Memory kept when the host runs short.")
  var memoryReservation: String?
  @Option(help: "Processors, such as 1.5.")
  var cpus: String?
  @Option(name: [.customShort("c"), .long], help: "Relative share of the processors.")
  var cpuShares: Int64?
  @Option(help: "The processors to use, such as 0-2,4.")
  var cpusetCpus: String?
  @Option(help: "The memory nodes to use, such as 0,1.")
  var cpusetMems: String?
  @Option(help: "Length of a period of the processor limit in microseconds.")
  var cpuPeriod: Int64?
  @Option(parsing: .unconditional, help: "Processor time in each period in microseconds.")
  var cpuQuota: Int64?
  @Option(parsing: .unconditional, help: "How readily memory is swapped out, 0 to 100.")
  var memorySwappiness: Int64?
  @Flag(help: "Let nothing be killed when memory runs out.")
  var oomKillDisable = false
  @Option(parsing: .unconditional, help: "Processes and threads.")
  var pidsLimit: Int64?
  @Option(help: "Relative weight of block I/O, 10 to 1000.")
  var blkioWeight: Int64?
  @Option(help: "Weight of block I/O on a device: /dev/vda:300.")
  var blkioWeightDevice: [String] = []
  @Option(help: "Bytes read each second from a device: /dev/vda:1m.")
  var deviceReadBps: [String] = []
  @Option(help: "Bytes written each second to a device: /dev/vda:1m.")
  var deviceWriteBps: [String] = []
  @Option(help: "Reads each second from a device: /dev/vda:100.")
  var deviceReadIops: [String] = []
  @Option(help: "Writes each second to a device: /dev/vda:100.")
  var deviceWriteIops: [String] = []
  @Option(parsing: .unconditional, help: "How soon the kernel ends it when memory runs out, -1000 to 1000.")
  var oomScoreAdj: Int64?
  @Option(help: "name=soft[:hard], such as nofile=1024:4096.")
  var ulimit: [String] = []
}

struct IsolationOptions: ParsableArguments {
  @Option(help: "Give a capability.")
  var capAdd: [String] = []
  @Option(help: "Take a capability away; ALL takes all.")
  var capDrop: [String] = []
  @Flag(help: "Take the fences down (engine.yaml must allow it).")
  var privileged = false
  @Option(help: "no-new-privileges, seccomp=FILE, seccomp=unconfined, apparmor=PROFILE.")
  var securityOpt: [String] = []
  @Option(help: "A kernel parameter of its namespaces: name=value.")
  var sysctl: [String] = []
  @Option(help: "host or container:NAME.")
  var pid: String?
  @Option(help: "host, private, shareable, none or container:NAME.")
  var ipc: String?
  @Option(help: "host.")
  var uts: String?
  @Option(help: "host.")
  var userns: String?
  @Option(help: "host or private.")
  var cgroupns: String?
  @Option(help: "The control group to live under.")
  var cgroupParent: String?
}

struct HealthOptions: ParsableArguments {
  @Option(help: "A shell line that succeeds when the container is well.")
  var healthCmd: String?
  @Option(help: "Time between checks, such as 30s.")
  var healthInterval: String?
  @Option(help: "Time that one check may take.")
  var healthTimeout: String?
  @Option(help: "Time to start in, before failures count.")
  var healthStartPeriod: String?
  @Option(help: "Time between checks while it starts.")
  var healthStartInterval: String?
  @Option(help: "Failures in a row that make it unhealthy.")
  var healthRetries: Int64?
  @Flag(help: "No health check, even if the image has one.")
  var noHealthcheck = false
}
