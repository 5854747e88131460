import KubeMachinery

/// What an agent remembers of a pod beside what server and runtime know. Lost with the agent; nothing here decides about lives of
/// containers that are well.
struct PodMemory: Sendable, Equatable {
  /// Work that is under way, by its subject.
  var busy: Set<String> = []
  var startTime: Timestamp?
  var containers: [String: ContainerMemory] = [:]
  var areVolumesReady = false
  /// When volumes were looked at last.
  var volumesAt: Timestamp?
  /// When work on the pod as a whole is tried again; nil: at once.
  var retryAt: Timestamp?
  /// The pod ends by itself: its deadline passed, or it took more than it may.
  var ending: Ending?
  /// Everything of it is gone here.
  var isCleanedUp = false
  /// The server has been told so.
  var isDeleted = false
  /// The last order to end that each container got, by its id.
  var kills: [String: Kill] = [:]
  /// Why a container that lives has to go, by its id.
  var condemned: [String: Sentence] = [:]
  /// Containers of a pod that goes which have been removed, as they ended: the server is told of them still.
  var remains: [ContainerRecord] = []
  /// The server takes no status of the pod any more: nothing waits for that.
  var isRefused = false

  /// Something is being made that would be there after its end.
  var isStarting: Bool { busy.contains(where: Self.isStart) }

  static func isStart(_ subject: String) -> Bool {
    subject.hasPrefix("start ") || subject == "sandbox" || subject == "volumes"
  }

  struct Failure: Sendable, Equatable {
    /// How far a start got.
    enum Step: Sendable {
      /// The registry did not give the image.
      case image
      /// There is no container.
      case making
      /// There is one, which has ended: that was a run.
      case running
      /// It ran, and its hook failed.
      case hook
    }

    var reason: String
    var message: String
    var step = Step.making
    /// The runtime or the server did not answer: it says nothing about the pod, and nothing waits longer for it.
    var isOutage = false
  }

  struct Kill: Sendable, Equatable {
    /// When what has not ended until then is killed, in seconds since 1970.
    var deadline: Int64
    /// The pod's own grace when the order was given.
    var periodSeconds: Int64

    /// An order makes it sooner, never later. Moments are whole seconds, so that one second is none.
    func isSooner(than known: Kill) -> Bool {
      deadline < known.deadline - 1 || deadline < known.deadline && periodSeconds < known.periodSeconds
    }
  }

  struct Ending: Sendable, Equatable {
    var reason: String
    var message: String
    var since: Timestamp
  }

  struct Sentence: Sendable, Equatable {
    var message: String
    /// The probe's own; nil: the pod's.
    var graceSeconds: Int64?
  }

  subscript(_ container: String) -> ContainerMemory {
    get { containers[container] ?? ContainerMemory() }
    set { containers[container] = newValue }
  }
}

struct ContainerMemory: Sendable, Equatable {
  /// Why the last try to start it failed, and when.
  var failure: PodMemory.Failure?
  var failedAt: Timestamp?
  var restarts = BackOff()
  var pulls = BackOff()
  /// What probes say about the container of this id.
  var probed = ""
  var isReady = false
  var hasStarted = false
}
