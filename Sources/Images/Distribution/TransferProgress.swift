import ContentStore
import ImageCatalog
import Layers
import LinuxSystem
import Logging
import Model
import OCITypes
import RegistryClient
import Snapshots

/// What a pull or push tells while it goes on.
public struct TransferProgress: Sendable {}
