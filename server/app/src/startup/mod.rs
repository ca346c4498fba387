//! Wires the rooms of this house together. Nobody else does.

mod data;
mod listen;
mod setup;
mod trash;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{App, web};
use fieldbook_core::id::{PeerId, StorageId};
use fieldbook_store::sqlite::{SqliteOptions, SqliteStore};
use fieldbook_store::{Store, StoreError};
use fieldbook_worker::{WorkerLimits, Workers};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::auth::{ForeignTokens, Passwords, TokenKey, fresh_bytes};
use crate::config::Config;
use crate::http::{self, RateLimits};
use crate::room::Rooms;
use crate::socket::{self, Sockets};

pub use data::{DataFolder, has_data, open_store};
pub(crate) use listen::url;
pub(crate) use setup::first_workspace;

const SWEEP_INTERVAL: Duration = Duration::from_secs(30);
const DRAIN_POLL: Duration = Duration::from_millis(10);

/// What every request can see, shared by all threads.
pub struct State {
    /// As it was read at the start.
    pub config: Config,
    /// Documents and accounts.
    pub store: Arc<dyn Store>,
    /// Checks and makes tokens.
    pub token_key: TokenKey,
    /// Checks the tokens of another application, if one is configured.
    pub foreign_tokens: Option<Arc<ForeignTokens>>,
    /// Checks and hashes passwords.
    pub passwords: Passwords,
    /// What the server's store of documents is called towards sync clients; the same as long as the data folder lives.
    pub storage_id: StorageId,
    /// SHA-256 of the set-up link's secret.
    pub setup_hash: [u8; 32],
    /// How often one may ask.
    pub rate: RateLimits,
    /// The sync endpoint's sockets, and the rooms that they reach.
    pub sockets: Arc<Sockets>,
    /// Requests and sockets under way.
    pub in_flight: InFlightCount,
    /// The runtime that outlives the threads that serve: tasks that must finish their work at the end belong here.
    pub runtime: tokio::runtime::Handle,
    stopping: watch::Receiver<bool>,
}

impl State {
    /// Whether the server is about to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Turns true when the server is about to stop: sockets close then.
    #[must_use]
    pub fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.clone()
    }
}

/// Counts what is under way.
#[derive(Debug, Clone, Default)]
pub struct InFlightCount(Arc<AtomicUsize>);

impl InFlightCount {
    /// One more, until the guard is dropped.
    #[must_use]
    pub fn enter(&self) -> InFlight {
        self.0.fetch_add(1, Ordering::Relaxed);
        InFlight(Arc::clone(&self.0))
    }

    /// How many.
    #[must_use]
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One request or socket under way.
#[derive(Debug)]
pub struct InFlight(Arc<AtomicUsize>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error("the data folder {folder} cannot be used: {reason}")]
    DataFolder {
        /// Which.
        folder: String,
        /// Why.
        reason: String,
    },
    /// Another server uses the data folder.
    #[error("another server uses the data folder {0}; stop it first, or start this one with another --data")]
    InUse(String),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}; choose another with --listen")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        reason: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The keys for the tokens of another application cannot be used.
    #[error("the tokens of [tokens] cannot be checked: {0}")]
    Tokens(String),
    /// What cannot be, happened.
    #[error("the server cannot start: {0}")]
    Unexpected(String),
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    url: String,
    setup_link: Option<String>,
    state: web::Data<State>,
    stopping: watch::Sender<bool>,
    handle: ServerHandle,
    task: JoinHandle<std::io::Result<()>>,
    sweeper: JoinHandle<()>,
    titles: JoinHandle<()>,
    trash: JoinHandle<()>,
    keys: Option<JoinHandle<()>>,
    data: Option<(SqliteStore, DataFolder)>,
}

impl Server {
    /// Takes the data folder, opens the store in it, and serves. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`], in words that say what to do.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let lock = DataFolder::lock(&config.server.data)?;
        let options = SqliteOptions {
            commit_interval: Duration::from_millis(config.sync.commit_interval_ms),
            ..SqliteOptions::default()
        };
        let database = open_store(&config.server.data, options).await?;
        let mut server = Self::start_with(config, Arc::new(database.clone())).await?;
        server.data = Some((database, lock));
        Ok(server)
    }

    /// Serves with a store of one's own: for tests whose store fails on purpose.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_with(config: Config, store: Arc<dyn Store>) -> Result<Self, StartError> {
        let (stopping, watch) = watch::channel(false);
        let setup = setup::prepare(store.as_ref()).await?;
        let sockets = sockets(&config, &store)?;
        let foreign_tokens = ForeignTokens::open(&config.tokens)
            .await
            .map_err(StartError::Tokens)?
            .map(Arc::new);
        let state = web::Data::new(State {
            foreign_tokens: foreign_tokens.clone(),
            sockets,
            token_key: TokenKey::from_store(store.as_ref()).await?,
            storage_id: storage_id(store.as_ref()).await?,
            rate: RateLimits::new(&config.limits),
            passwords: Passwords::new(&config.auth),
            setup_hash: setup.secret.hash(),
            in_flight: InFlightCount::default(),
            runtime: tokio::runtime::Handle::current(),
            stopping: watch,
            store,
            config,
        });
        let (address, server) = listen::listen(&state)?;
        let url = listen::url(&state.config, address);
        let setup_link = setup.is_open.then(|| format!("{url}/join/{}", setup.secret.as_str()));
        let handle = server.handle();
        let task = tokio::spawn(server);
        let sweeper = tokio::spawn(sweep(state.clone().into_inner()));
        let trash = tokio::spawn(trash::keep_emptying(state.clone().into_inner()));
        let rooms = state.sockets.rooms().clone();
        let titles = tokio::spawn(async move { rooms.keep_titles().await });
        let keys = foreign_tokens.map(|tokens| tokio::spawn(async move { tokens.keep_keys().await }));
        Ok(Self {
            address,
            url,
            setup_link,
            state,
            stopping,
            handle,
            task,
            sweeper,
            titles,
            trash,
            keys,
            data: None,
        })
    }

    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// What to open in a browser: the public URL, or the address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the first account is made, as long as there is none.
    #[must_use]
    pub fn setup_link(&self) -> Option<&str> {
        self.setup_link.as_deref()
    }

    /// What requests see.
    #[must_use]
    pub fn state(&self) -> &web::Data<State> {
        &self.state
    }

    /// Closes the store under the running server, as a disk that goes away does: for tests.
    pub async fn close_store(&self) {
        if let Some((database, _)) = &self.data {
            database.close().await;
        }
    }

    /// Takes no more connections, tells sockets to close, lets requests under way finish (for `server.shutdown_ms` at
    /// most), and ends.
    pub async fn stop(self) {
        let _ = self.stopping.send(true);
        self.handle.pause().await;
        let deadline = tokio::time::Instant::now() + Duration::from_millis(self.state.config.server.shutdown_ms);
        let had_work = self.state.in_flight.get() > 0;
        while self.state.in_flight.get() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(DRAIN_POLL).await;
        }
        if had_work {
            // What was handed to the system last is still on its way out.
            tokio::time::sleep(5 * DRAIN_POLL).await;
        }
        // Not gracefully: all that remains are idle connections, and actix would wait for their clients.
        self.handle.stop(false).await;
        self.sweeper.abort();
        self.titles.abort();
        self.trash.abort();
        if let Some(keys) = &self.keys {
            keys.abort();
        }
        let _ = self.task.await;
        if let Some((database, lock)) = self.data {
            database.close().await;
            drop(lock);
        }
    }
}

/// Everything that the server answers, in one place.
fn routes(services: &mut web::ServiceConfig) {
    services.service(http::only("/sync", Method::GET, web::get().to(socket::not_an_upgrade)));
    http::mount(services);
}

/// The application that each serving thread runs.
fn app(
    state: &web::Data<State>,
) -> App<
    impl actix_web::dev::ServiceFactory<
        actix_web::dev::ServiceRequest,
        Config = (),
        Response = actix_web::dev::ServiceResponse,
        Error = actix_web::Error,
        InitError = (),
    > + use<>,
> {
    App::new()
        .app_data(state.clone())
        .configure(|services| http::readers(services, &state.config.limits))
        .configure(routes)
        .wrap(from_fn(http::guard))
}

/// The rooms, and the sockets that reach them. The node's peer id is new at each start: sync begins afresh then.
fn sockets(config: &Config, store: &Arc<dyn Store>) -> Result<Arc<Sockets>, StartError> {
    // Short: it stands in every frame.
    let us = PeerId::new(&format!("fb-{}", bs58::encode(fresh_bytes::<8>()).into_string()))
        .map_err(|error| StartError::Unexpected(error.to_string()))?;
    let rooms = Rooms::new(config, us.clone(), Arc::clone(store), workers(config)?);
    Ok(Arc::new(Sockets::new(us, rooms, config)))
}

/// The child processes that read whole documents.
///
/// # Errors
/// [`StartError::Unexpected`] if this program does not know where it is.
pub fn workers(config: &Config) -> Result<Workers, StartError> {
    let own = || std::env::current_exe().map_err(|error| StartError::Unexpected(error.to_string()));
    let worker = &config.worker;
    let limits = WorkerLimits {
        memory_bytes: worker.memory_bytes,
        deadline: Duration::from_millis(worker.deadline_ms),
        concurrent: worker.concurrent,
        input_bytes: worker.input_bytes,
        output_bytes: worker.output_bytes,
    };
    Ok(Workers::new(worker.program.clone().map_or_else(own, Ok)?, limits))
}

async fn storage_id(store: &dyn Store) -> Result<StorageId, StartError> {
    let bytes = store.secret("storage_id", fresh_bytes()).await?;
    let mut half = [0; 16];
    half.copy_from_slice(&bytes[..16]);
    let text = uuid::Builder::from_random_bytes(half).into_uuid().to_string();
    StorageId::new(&text).map_err(|error| StartError::Unexpected(error.to_string()))
}

async fn sweep(state: Arc<State>) {
    let mut stopping = state.stopping();
    loop {
        tokio::select! {
            _ = stopping.changed() => return,
            () = tokio::time::sleep(SWEEP_INTERVAL) => {
                state.rate.sweep();
                state.sockets.sweep();
            }
        }
    }
}
