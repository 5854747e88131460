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
  /// What stands in the way of volumes or the sandbox.
  var obstacle: Failure?
  /// When work on the pod as a whole is tried again; nil: at once.
  var retryAt: Timestamp?
  /// The pod ends by itself: its deadline passed, or it took more than it may.
  var ending: Ending?
  /// Everything of it is gone here.
  var isCleanedUp = false
  /// The server has been told so.
  var isDeleted = false
  /// Deadlines given to containers that are being stopped, by their ids: seconds of grace.
  var kills: [String: Int64] = [:]
  /// Why a container that lives has to go, by its id.
  var condemned: [String: Sentence] = [:]

  struct Failure: Sendable, Equatable {
    var reason: String
    var message: String
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
  /// The container whose hook after its start is over; other ones count as not started.
  var hookedID = ""

  /// Whether the failure is one of the image's.
  var isPullFailure: Bool {
    guard let failure else { return false }
    return ["ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable"].contains(failure.reason)
  }
}
