document.getElementById('path').textContent = location.pathname
